import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { annotationsField, labelsField, reservedPrefixes } from './label-maps.ts';
import { isObjectName } from './object-name.ts';
import { AffinitySchema, PullSecretSchema, ResourcesSchema, TolerationSchema } from './pod-parts.ts';
import { celString, validated } from './validation-rule.ts';

/** `[registry[:port]/]path[:tag][@digest]`: what a container runtime takes, less exactly (the runtime has the last word). */
export const imagePattern =
  '^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9a-fA-F:]+\\])(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,128})?$';

export const AgentSpecSchema = defaultedObject(
  {
    image: withDefault(
      Type.String({
        description: 'The agent’s image. Empty: the image that belongs to the operator’s version.',
        maxLength: 512,
        ...validated({
          rule: `self == '' || self.matches(${celString(imagePattern)})`,
          message:
            'must be an image reference without spaces and without https://, such as ghcr.io/net-exporter/net-exporter-agent:0.1.0, or empty for the image of the operator’s version',
        }),
      }),
      '',
    ),
    imagePullPolicy: withDefault(
      Type.Enum(['Always', 'IfNotPresent', 'Never'], {
        type: 'string',
        description: 'When the kubelet pulls the image.',
      }),
      'IfNotPresent',
    ),
    imagePullSecrets: withDefault(
      Type.Array(PullSecretSchema, {
        description: 'Secrets in the resource’s namespace to pull the image with.',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
      [],
    ),
    port: withDefault(
      Type.Integer({
        description: 'The port for scrapes (TCP) and for the other agents’ probes (TCP and UDP).',
        format: 'int32',
        ...validated({
          rule: 'self >= 1024 && self <= 65535',
          message:
            'must be from 1024 to 65535: agents run without root and without capabilities, so lower ports are closed to them',
        }),
      }),
      8000,
    ),
    resources: withDefault(ResourcesSchema, {
      requests: { cpu: '10m', memory: '32Mi' },
      limits: { memory: '128Mi' },
    }),
    nodeSelector: withDefault(
      labelsField('Labels that a node must have to get an agent, besides kubernetes.io/os: linux.', {
        rule: "!('kubernetes.io/os' in self) || self['kubernetes.io/os'] == 'linux'",
        message: 'kubernetes.io/os must be linux: agents run on Linux only; leave the key out',
      }),
      {},
    ),
    tolerations: withDefault(
      Type.Array(TolerationSchema, {
        description: 'Taints that the agents tolerate, as in a pod. The default tolerates every taint.',
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
      }),
      [{ operator: 'Exists' }],
    ),
    affinity: withDefault(AffinitySchema, {}),
    priorityClassName: withDefault(
      Type.String({
        description: 'The agents’ PriorityClass. Empty: the cluster’s default.',
        maxLength: 253,
        ...validated({
          rule: `self == '' || ${isObjectName}`,
          message:
            'must be the name of a PriorityClass such as system-node-critical (lower-case letters, digits, - and .), or empty for none',
        }),
      }),
      'system-node-critical',
    ),
    maxUnavailable: withDefault(
      Type.Unsafe<number | string>({
        description:
          'How many agents may be replaced at once when the agents change: a number or a share of the nodes.',
        'x-kubernetes-int-or-string': true,
        maxLength: 4,
        ...validated({
          rule: "type(self) == int ? self >= 1 && self <= 100000 : self.matches('^([1-9][0-9]?|100)%$')",
          message:
            'must be a whole number from 1 to 100000, such as 1, or a percentage from "1%" to "100%", such as "10%"',
        }),
      }),
      '10%',
    ),
    podLabels: withDefault(
      labelsField('Labels to add to the agents’ pods.', reservedPrefixes('app.kubernetes.io/', 'net-exporter.dev/')),
      {},
    ),
    podAnnotations: withDefault(
      annotationsField('Annotations to add to the agents’ pods.', reservedPrefixes('net-exporter.dev/')),
      {},
    ),
  },
  { description: 'The agents’ pods. A change rolls the DaemonSet.' },
);
