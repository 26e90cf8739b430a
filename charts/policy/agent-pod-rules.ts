import type { k8s } from 'cdk8s-plus-27';
import { agentNames } from '../../src/contract/agent-names.ts';
import { isRefusedAnnotation } from '../../src/crd/pod-annotations.ts';
import { agentVolumes } from '../agent/agent-daemon-set.ts';
import { selectsAgents } from './children-rules.ts';
import { absentOr, literal, notSet, type Rule, type Variable } from './rule.ts';

/** Read by the rules about pods alone: variables are computed when they are read. */
export const podVariables: readonly Variable[] = [
  { name: 'name', expression: `variables.instance + ${literal(agentNames('').agent)}` },
  { name: 'pod', expression: 'variables.written.spec.template.spec' },
  { name: 'containers', expression: 'variables.pod.containers' },
];

const pod = 'variables.pod';
const context = `${pod}.securityContext`;
const annotations = 'variables.written.spec.template.metadata.annotations';

/** @param condition about `c` */
const everyContainer = (condition: string) => `variables.containers.all(c, ${condition})`;

/**
 * What keeps pods of the operator's DaemonSets from the node, from other accounts and from Secrets: Pod Security
 * `restricted`, and no more volumes, tokens and references than the charts declare. The image, the command and what the
 * spec of a NetExporter sets are free.
 */
const rules: Rule[] = [
  {
    expression: selectsAgents('variables.written.spec.selector'),
    message: 'DaemonSets select their own agents',
  },
  {
    expression: `${pod}.?serviceAccountName.orValue("") == variables.name`,
    message: 'agents run as the ServiceAccount of their own name',
  },
  {
    expression: `!${pod}.?automountServiceAccountToken.orValue(true)`,
    message: 'agents mount no token of the API server',
  },
  {
    expression: `variables.containers.size() == 1 && ${absentOr(`${pod}.initContainers`, `${pod}.initContainers.size() == 0`)}`,
    message: 'agents have one container and no init containers',
  },
  {
    expression: ['hostNetwork', 'hostPID', 'hostIPC'].map((field) => notSet(`${pod}.${field}`)).join(' && '),
    message: 'agents use no namespace of the node',
  },
  {
    expression: everyContainer(absentOr('c.ports', `c.ports.all(p, ${absentOr('p.hostPort', 'p.hostPort == 0')})`)),
    message: 'agents use no port of the node',
  },
  {
    expression: absentOr(`${pod}.volumes`, `${pod}.volumes.all(v, ${volumeConditions().join(' || ')})`),
    message: 'agents mount only the ConfigMap of their own name, an emptyDir and a token for the operator',
  },
  {
    expression: absentOr(`${pod}.volumes`, `${pod}.volumes.filter(v, has(v.projected)).size() <= 1`),
    message: 'agents mount one projected token',
  },
  {
    expression: everyContainer(
      `!has(c.envFrom) && ${absentOr(
        'c.env',
        'c.env.all(e, !has(e.valueFrom) || has(e.valueFrom.fieldRef) || has(e.valueFrom.resourceFieldRef))',
      )}`,
    ),
    message: 'agents read no variables from Secrets and ConfigMaps',
  },
  {
    expression: absentOr(annotations, `${annotations}.all(key, !${isRefusedAnnotation('key')})`),
    message: 'annotations give agents no privileges, networks, identities, volumes and containers',
  },
  {
    expression: `!has(${pod}.resourceClaims)`,
    message: 'agents claim no devices',
  },
  {
    // The kubelet sends these requests, from the node's network.
    expression: everyContainer(
      ['livenessProbe', 'readinessProbe', 'startupProbe']
        .map((probe) =>
          absentOr(
            `c.${probe}`,
            `c.${probe}.?httpGet.?host.orValue("") == "" && c.${probe}.?tcpSocket.?host.orValue("") == ""`,
          ),
        )
        .concat('!has(c.lifecycle)')
        .join(' && '),
    ),
    message: 'the kubelet probes nothing but the agents, and calls no hooks',
  },
  ...restricted(),
];

/** @returns the rules, for DaemonSets whose spec is written */
export const agentPodRules: Rule[] = rules.map(({ expression, message }) => ({
  expression: `!variables.writesSpec || (${expression})`,
  message,
}));

/**
 * Pod Security `restricted` of the fields that are left.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
function restricted(): Rule[] {
  const securityContext = 'c.?securityContext';
  return [
    {
      expression: everyContainer(
        [
          `!${securityContext}.?privileged.orValue(false)`,
          `!${securityContext}.?allowPrivilegeEscalation.orValue(true)`,
          `${securityContext}.?procMount.orValue("Default") == "Default"`,
          `${securityContext}.?capabilities.?drop.orValue([]).exists(name, name == "ALL")`,
          `${securityContext}.?capabilities.?add.orValue([]).size() == 0`,
        ].join(' && '),
      ),
      message: 'containers of agents have no privileges and no capabilities',
    },
    {
      expression: `${pod}.?securityContext.?runAsNonRoot.orValue(false) && ${pod}.?securityContext.?runAsUser.orValue(1) != 0 && ${everyContainer(
        `${securityContext}.?runAsNonRoot.orValue(true) && ${securityContext}.?runAsUser.orValue(1) != 0`,
      )}`,
      message: 'agents do not run as root',
    },
    {
      expression: [
        `${pod}.?securityContext.?seccompProfile.?type.orValue("") == "RuntimeDefault"`,
        `${pod}.?securityContext.?appArmorProfile.?type.orValue("") != "Unconfined"`,
        ...['seLinuxOptions', 'sysctls', 'windowsOptions'].map(
          (field) => `(!has(${context}) || !has(${context}.${field}))`,
        ),
        everyContainer(
          absentOr(
            'c.securityContext',
            [
              'c.securityContext.?seccompProfile.?type.orValue("RuntimeDefault") == "RuntimeDefault"',
              'c.securityContext.?appArmorProfile.?type.orValue("") != "Unconfined"',
              '!has(c.securityContext.seLinuxOptions)',
              '!has(c.securityContext.windowsOptions)',
            ]
              .join(' && ')
              .replace(/^/, '(')
              .concat(')'),
          ),
        ),
      ].join(' && '),
      message: 'agents keep the profiles of the container runtime and set no sysctls',
    },
  ];
}

/** What a volume may be: one of those that the chart declares. */
function volumeConditions(): string[] {
  return agentVolumes('').map(volumeCondition);
}

/** @throws Error if the chart declares a volume that the policy has no words for */
function volumeCondition({ name, ...source }: k8s.Volume): string {
  if (source.configMap) return '(has(v.configMap) && v.configMap.name == variables.name)';
  if (source.emptyDir) return 'has(v.emptyDir)';
  const tokens = source.projected?.sources?.map(({ serviceAccountToken }) => serviceAccountToken);
  const audience = tokens?.[0]?.audience;
  if (!audience || tokens.length > 1) throw new Error(`the policy has no rule for the volume ${name}`);
  return (
    '(has(v.projected) && v.projected.sources.size() == 1 && v.projected.sources.all(s, has(s.serviceAccountToken) && ' +
    `s.serviceAccountToken.?audience.orValue("") == ${literal(audience)}))`
  );
}
