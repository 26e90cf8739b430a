import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { labelsField, reservedPrefixes } from './label-maps.ts';
import { isObjectName } from './object-name.ts';
import { podAnnotationsField } from './pod-annotations.ts';
import { AffinitySchema, PullSecretSchema, ResourcesSchema, TolerationSchema } from './pod-parts.ts';
import { celString, validated } from './validation-rule.ts';

/**
 * `[registry[:port]/]path[:tag][@digest]`: what a container runtime takes, less exactly (the runtime has the last
 * word).
 */
export const imagePattern =
  '^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9a-fA-F:]+\\])(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,128})?$';

/** The PriorityClass of agents by default. It is installed with the CustomResourceDefinition. */
export const agentPriorityClassName = 'net-exporter-agent';

export const AgentSpecSchema = defaultedObject(
  {
    image: withDefault(
      Type.String({
        description: 'Container image of the agent. If empty, the image that matches the operator’s version is used.',
        maxLength: 512,
        ...validated({
          rule: `self == '' || self.matches(${celString(imagePattern)})`,
          message:
            'must be an image reference without spaces or a scheme such as https://, for example ghcr.io/net-exporter/net-exporter-agent:0.1.0, or empty to use the image that matches the operator’s version',
        }),
      }),
      '',
    ),
    imagePullPolicy: withDefault(
      Type.Enum(['Always', 'IfNotPresent', 'Never'], {
        type: 'string',
        description: 'When the kubelet pulls the agent image.',
      }),
      'IfNotPresent',
    ),
    imagePullSecrets: withDefault(
      Type.Array(PullSecretSchema, {
        description: 'Secrets with registry credentials to pull the agent image, in the namespace of the NetExporter.',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
      [],
    ),
    port: withDefault(
      Type.Integer({
        description:
          'Port that agents listen on, for Prometheus scrapes (TCP) and probes from other agents (TCP and UDP).',
        format: 'int32',
        ...validated({
          rule: 'self >= 1024 && self <= 65535',
          message:
            'must be from 1024 to 65535, such as 8000; agents run as non-root without capabilities and cannot listen on lower ports',
        }),
      }),
      8000,
    ),
    // Storage: the state directory (8Mi) and the container's log, of which the kubelet keeps five files of 10Mi.
    resources: withDefault(ResourcesSchema, {
      requests: { cpu: '10m', memory: '32Mi', 'ephemeral-storage': '16Mi' },
      limits: { memory: '128Mi', 'ephemeral-storage': '64Mi' },
    }),
    nodeSelector: withDefault(
      labelsField('Node labels that are required to run an agent, in addition to kubernetes.io/os: linux.', {
        rule: "!('kubernetes.io/os' in self) || self['kubernetes.io/os'] == 'linux'",
        message: 'kubernetes.io/os must be linux because agents run only on Linux; remove the key',
      }),
      {},
    ),
    tolerations: withDefault(
      Type.Array(TolerationSchema, {
        description: 'Tolerations of the agent pods, as in a pod spec. The default tolerates every taint.',
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
      }),
      [{ operator: 'Exists' }],
    ),
    affinity: withDefault(AffinitySchema, {}),
    priorityClassName: withDefault(
      Type.String({
        description:
          'PriorityClass of the agent pods, which must exist. If empty, the pods name none, and the default of the cluster applies.',
        maxLength: 253,
        ...validated({
          rule: `self == '' || ${isObjectName}`,
          message: `must be the name of a PriorityClass, such as ${agentPriorityClassName} (lowercase letters, digits, - and .), or empty to use the default of the cluster`,
        }),
      }),
      agentPriorityClassName,
    ),
    maxUnavailable: withDefault(
      Type.Unsafe<number | string>({
        description:
          'Maximum number of agents that may be unavailable during a rolling update, as a number or a percentage of the nodes.',
        'x-kubernetes-int-or-string': true,
        maxLength: 4,
        ...validated({
          rule: "type(self) == int ? self >= 1 && self <= 100000 : self.matches('^([1-9][0-9]?|100)%$')",
          message: 'must be an integer from 1 to 100000, such as 1, or a percentage from "1%" to "100%", such as "10%"',
        }),
      }),
      '10%',
    ),
    podLabels: withDefault(
      labelsField('Additional labels for the agent pods.', reservedPrefixes('app.kubernetes.io/', 'net-exporter.dev/')),
      {},
    ),
    podAnnotations: withDefault(podAnnotationsField, {}),
  },
  { description: 'Configuration of the agent pods. Changes trigger a rolling update of the DaemonSet.' },
);
