import type { ManifestObject } from '../../charts/agent/agent.ts';
import { powerfulKeys } from '../../src/contract/powerful-metadata.ts';
import { refusedAnnotationPrefixes } from '../../src/crd/pod-annotations.ts';
import { type DryRun, refusalOf } from './dry-run.ts';
import { ruleViolations } from './rule-violations.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, changed field by field
type Json = any;

/** One change of what the operator declares that breaks one rule of the admission policy. */
export interface Violation {
  /** What whoever has the operator's token would like to do. */
  attempt: string;
  kind: string;
  change: (object: Json) => void;
  /** Of the rule that refuses it. */
  message: RegExp;
  /** The minor version of Kubernetes 1 before which the API server drops the field: there is nothing to refuse. */
  since?: number | undefined;
}

const inPod =
  (change: (pod: Json) => void) =>
  ({ spec }: Json) =>
    change(spec.template.spec);

const inContainer = (change: (container: Json) => void) => inPod(({ containers }) => change(containers[0]));

const inPodSecurity = (fields: object) => inPod(({ securityContext }) => Object.assign(securityContext, fields));
const inContainerSecurity = (fields: object) =>
  inContainer(({ securityContext }) => Object.assign(securityContext, fields));

const volume = (source: object) => inPod(({ volumes }) => volumes.push({ name: 'more', ...source }));

const token = (audience?: string) => ({
  projected: { sources: [{ serviceAccountToken: { path: 'token', ...(audience !== undefined && { audience }) } }] },
});

type Attempt = [string, (object: Json) => void, RegExp, since?: number];

const daemonSets = ([attempt, change, message, since]: Attempt): Violation => ({
  ...{ attempt, kind: 'DaemonSet', change, message, since },
});

/** A second container, in which nothing else is wrong. */
function addContainer(pod: Json): void {
  pod.containers.push({ ...pod.containers[0], name: 'second', ports: [] });
}

const mounts = /mount only the ConfigMap of their own name/;
const privileges = /no privileges and no capabilities/;
const profiles = /profiles of the container runtime/;
const root = /do not run as root/;
const variables = /no variables from Secrets and ConfigMaps/;
const probes = /probes nothing but the agents/;

/** Each rule about pods broken by itself. */
const podViolations = (
  [
    [
      'share the network of the node',
      inPod((pod) => Object.assign(pod, { hostNetwork: true })),
      /no namespace of the node/,
    ],
    [
      'see the processes of the node',
      inPod((pod) => Object.assign(pod, { hostPID: true })),
      /no namespace of the node/,
    ],
    ['share memory with the node', inPod((pod) => Object.assign(pod, { hostIPC: true })), /no namespace of the node/],
    [
      'listen on the node',
      inContainer(({ ports }) => Object.assign(ports[0], { hostPort: 8000 })),
      /no port of the node/,
    ],
    ['mount a folder of the node', volume({ hostPath: { path: '/' } }), mounts],
    ['mount a Secret', volume({ secret: { secretName: 'database' } }), mounts],
    ['mount another ConfigMap', volume({ configMap: { name: 'kube-root-ca.crt' } }), mounts],
    ['mount a claim', volume({ persistentVolumeClaim: { claimName: 'database' } }), mounts],
    ['mount a CSI volume', volume({ csi: { driver: 'secrets-store.csi.k8s.io' } }), mounts],
    ['mount a share', volume({ nfs: { server: '192.0.2.1', path: '/' } }), mounts],
    ['mount an image', volume({ image: { reference: 'example.com/data:1' } }), mounts, 35],
    ['mount a token of the API server', inPod(({ volumes }) => Object.assign(volumes[2], token())), mounts],
    ['mount a token for another audience', inPod(({ volumes }) => Object.assign(volumes[2], token('vault'))), mounts],
    [
      'project a Secret beside the token',
      inPod(({ volumes }) => volumes[2].projected.sources.push({ secret: { name: 'database' } })),
      mounts,
    ],
    ['mount two tokens', volume(token('net-exporter')), /one projected token/],
    ['run a second container', inPod(addContainer), /one container/],
    [
      'run an init container',
      inPod((pod) =>
        Object.assign(pod, { initContainers: [{ ...pod.containers[0], name: 'init', ports: [] }].map(plain) }),
      ),
      /no init containers/,
    ],
    [
      'run as another ServiceAccount',
      inPod((pod) => Object.assign(pod, { serviceAccountName: 'default' })),
      /own name/,
    ],
    [
      'get a token of the API server',
      inPod((pod) => Object.assign(pod, { automountServiceAccountToken: true })),
      /no token of the API server/,
    ],
    [
      'read a Secret as a variable',
      inContainer(({ env }) => env.push({ name: 'P', valueFrom: { secretKeyRef: { name: 'database', key: 'p' } } })),
      variables,
    ],
    [
      'read all of a Secret as variables',
      inContainer((container) => Object.assign(container, { envFrom: [{ secretRef: { name: 'database' } }] })),
      variables,
    ],
    [
      'read a ConfigMap as a variable',
      inContainer(({ env }) => env.push({ name: 'P', valueFrom: { configMapKeyRef: { name: 'other', key: 'p' } } })),
      variables,
    ],
    [
      'claim a device',
      inPod((pod) => Object.assign(pod, { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] })),
      /claim no devices/,
      34,
    ],
    [
      'have the kubelet ask another host',
      inContainer(({ livenessProbe }) => Object.assign(livenessProbe.httpGet, { host: '169.254.169.254' })),
      probes,
    ],
    [
      'have the kubelet dial another host',
      inContainer((container) =>
        Object.assign(container, { startupProbe: { tcpSocket: { host: '10.0.0.1', port: 1 } } }),
      ),
      probes,
    ],
    [
      'have the kubelet call a hook',
      inContainer((container) =>
        Object.assign(container, { lifecycle: { preStop: { httpGet: { host: '10.0.0.1', port: 1 } } } }),
      ),
      probes,
    ],
    // The API server does not take a privileged container that must not gain privileges.
    ['be privileged', inContainerSecurity({ privileged: true, allowPrivilegeEscalation: true }), privileges],
    ['gain privileges', inContainerSecurity({ allowPrivilegeEscalation: true }), privileges],
    ['have a capability', inContainerSecurity({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }), privileges],
    ['keep the default capabilities', inContainerSecurity({ capabilities: { drop: ['NET_RAW'] } }), privileges],
    ['run as root', inPodSecurity({ runAsUser: 0 }), root],
    ['run as root in the container', inContainerSecurity({ runAsUser: 0 }), root],
    ['let the image choose root', inPodSecurity({ runAsNonRoot: false }), root],
    ['let the image choose root in the container', inContainerSecurity({ runAsNonRoot: false }), root],
    ['use every system call', inPodSecurity({ seccompProfile: { type: 'Unconfined' } }), profiles],
    [
      'use every system call in the container',
      inContainerSecurity({ seccompProfile: { type: 'Unconfined' } }),
      profiles,
    ],
    ['leave AppArmor', inContainerSecurity({ appArmorProfile: { type: 'Unconfined' } }), profiles],
    ['leave SELinux', inPodSecurity({ seLinuxOptions: { type: 'spc_t' } }), profiles],
    ['leave SELinux in the container', inContainerSecurity({ seLinuxOptions: { type: 'spc_t' } }), profiles],
    ['set a sysctl', inPodSecurity({ sysctls: [{ name: 'kernel.msgmax', value: '1' }] }), profiles],
    ['run on the Windows host', inPodSecurity({ windowsOptions: { runAsUserName: 'SYSTEM' } }), profiles],
    ...refusedAnnotationPrefixes.map((prefix): [string, (object: Json) => void, RegExp] => [
      `be annotated with ${prefix}`,
      ({ spec }) => {
        spec.template.metadata.annotations = {
          ...spec.template.metadata.annotations,
          [annotationOf(prefix)]: 'unconfined',
        };
      },
      /no privileges, networks, identities/,
    ]),
    [
      'select pods of others',
      ({ spec }) => {
        spec.selector.matchLabels = { app: 'database' };
        Object.assign(spec.template.metadata.labels, { app: 'database' });
      },
      /select their own agents/,
    ],
  ] satisfies Attempt[]
).map(daemonSets);

/** A key that begins so. */
function annotationOf(prefix: string): string {
  return prefix.includes('/') ? `${prefix}agent` : `${prefix}example/agent`;
}

/** An init container has no probes. */
function plain({ livenessProbe, readinessProbe, startupProbe, ...container }: Json): Json {
  return container;
}

const on =
  (kind: string) =>
  ([attempt, change, message]: [string, (object: Json) => void, RegExp]): Violation => ({
    ...{ attempt, kind, change, message },
  });

const onlyLabels = /set only the labels netexporter, node, zone/;
const fromPod = { sourceLabels: ['__meta_kubernetes_pod_annotation_target'] };
const fromNode = { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' };

const endpoint =
  (fields: object) =>
  ({ spec }: Json) =>
    Object.assign(spec.podMetricsEndpoints[0], fields);

const intervals = /scraped at intervals from 1s to 1h/;
const dropsOnly = /relabel metrics only by the actions keep, drop, labeldrop, labelkeep/;
const drop = { action: 'labeldrop', regex: 'x' };
const ofMetrics = (rule: object) => endpoint({ metricRelabelings: [drop, rule] });

const relabeling =
  (rule: object) =>
  ({ spec }: Json) =>
    spec.podMetricsEndpoints[0].relabelings.push(rule);

/** Those that may have any annotations that give them no power. */
const kinds = ['Service', 'ConfigMap', 'DaemonSet', 'NetworkPolicy', 'PodMonitor', 'PrometheusRule'];

/** Annotations and labels by which others give objects power. */
const powers: readonly Violation[] = [
  ...kinds.flatMap((kind) =>
    (['annotations', 'labels'] as const).flatMap((field) =>
      powerfulKeys[field].map((prefix) => ({
        ...{ kind, field, message: /power elsewhere/ },
        key: prefix.endsWith('/') ? `${prefix}key` : prefix,
      })),
    ),
  ),
  {
    ...{ kind: 'ServiceAccount', field: 'annotations' as const, key: 'eks.amazonaws.com/role-arn' },
    message: /no annotation of a ServiceAccount/,
  },
].map(({ kind, field, key, message }) => ({
  ...{ kind, message },
  attempt: `have ${key} among its ${field}`,
  change: ({ metadata }) => {
    metadata[field] = { ...metadata[field], [key]: 'x' };
  },
}));

/** What mutating admission webhooks add, and nobody acts on. */
export const harmlessMetadata = {
  labels: { 'example.com/cost-center': '42' },
  annotations: { 'autopilot.gke.io/resource-adjustment': '{}', 'policies.kyverno.io/last-applied-patches': 'x' },
};

const otherViolations: Violation[] = [
  ...powers,
  ...(
    [
      [
        'mount tokens by default',
        (account) => Object.assign(account, { automountServiceAccountToken: true }),
        /automountServiceAccountToken/,
      ],
    ] satisfies [string, (object: Json) => void, RegExp][]
  ).map(on('ServiceAccount')),
  ...(
    [
      [
        'claim external IPs',
        ({ spec }) => Object.assign(spec, { externalIPs: ['192.0.2.1'] }),
        /no Service external IPs/,
      ],
      ['listen on every node', ({ spec }) => Object.assign(spec, { type: 'NodePort' }), /type ClusterIP/],
      ['get a load balancer', ({ spec }) => Object.assign(spec, { type: 'LoadBalancer' }), /type ClusterIP/],
      ['select pods of others', ({ spec }) => Object.assign(spec, { selector: { app: 'database' } }), /no other pods/],
      ['select all agents', ({ spec }) => delete spec.selector['app.kubernetes.io/instance'], /no other pods/],
      ['have no selector', ({ spec }) => delete spec.selector, /no other pods/],
    ] satisfies [string, (object: Json) => void, RegExp][]
  ).map(on('Service')),
  ...(
    [
      ['isolate every pod', ({ spec }) => Object.assign(spec, { podSelector: {} }), /no other pods/],
      [
        'isolate pods of others',
        ({ spec }) => Object.assign(spec.podSelector, { matchLabels: { app: 'database' } }),
        /no other pods/,
      ],
    ] satisfies [string, (object: Json) => void, RegExp][]
  ).map(on('NetworkPolicy')),
  ...(
    [
      [
        'send credentials',
        ({ spec }) => Object.assign(spec.podMetricsEndpoints[0], { bearerTokenSecret: { name: 'database', key: 'p' } }),
        /nothing of an endpoint/,
      ],
      ['send parameters', endpoint({ params: { target: ['192.0.2.1'] } }), /nothing of an endpoint/],
      ['scrape through a proxy', endpoint({ proxyUrl: 'http://192.0.2.1' }), /nothing of an endpoint/],
      ['keep the labels of the scraped', endpoint({ honorLabels: true }), /nothing of an endpoint/],
      ['scrape all the time', endpoint({ interval: '1ms' }), intervals],
      ['scrape never', endpoint({ interval: '2h' }), intervals],
      ['wait for longer than the interval', endpoint({ interval: '30s', scrapeTimeout: '31s' }), intervals],
      ['wait for no answer', endpoint({ interval: '30s', scrapeTimeout: '0s' }), intervals],
      [
        'wait for longer than Prometheus does',
        ({ spec }) => {
          const { interval, ...others } = spec.podMetricsEndpoints[0];
          spec.podMetricsEndpoints = [{ ...others, scrapeTimeout: '1h' }];
        },
        intervals,
      ],
      ['write a label', ofMetrics({ action: 'replace', targetLabel: 'namespace', replacement: 'other' }), dropsOnly],
      ['write a label by default', ofMetrics({ sourceLabels: ['host'] }), dropsOnly],
      ['write a label while dropping', ofMetrics({ action: 'drop', regex: 'x', targetLabel: 'pod' }), dropsOnly],
      ['write a text while dropping', ofMetrics({ action: 'drop', regex: 'x', replacement: 'y' }), dropsOnly],
      ['rename labels', ofMetrics({ action: 'labelmap', regex: '(.+)' }), dropsOnly],
      ['rewrite values', ofMetrics({ action: 'hashmod', sourceLabels: ['host'], modulus: 2 }), dropsOnly],
      ['relabel without end', endpoint({ metricRelabelings: Array(33).fill(drop) }), dropsOnly],
      ['scrape another path', endpoint({ path: '/federate' }), /have metrics and/],
      ['scrape no path', ({ spec }) => delete spec.podMetricsEndpoints[0].path, /have metrics and/],
      ['scrape another port', endpoint({ port: 'admin' }), /have metrics and/],
      [
        'scrape another path as well',
        ({ spec }) => spec.podMetricsEndpoints.push({ ...spec.podMetricsEndpoints[0], path: '/federate' }),
        /have metrics and/,
      ],
      ['scrape another address', relabeling({ targetLabel: '__address__', replacement: '192.0.2.1' }), onlyLabels],
      ['scrape the address in a label', relabeling({ ...fromPod, targetLabel: '__address__' }), onlyLabels],
      ['send a parameter of the pod', relabeling({ ...fromPod, targetLabel: '__param_target' }), onlyLabels],
      ['scrape another path of the pod', relabeling({ ...fromPod, targetLabel: '__metrics_path__' }), onlyLabels],
      ['empty a label', relabeling({ targetLabel: 'pod' }), onlyLabels],
      ['say another node', relabeling({ ...fromPod, targetLabel: 'node' }), onlyLabels],
      ['say any node', relabeling({ ...fromNode, replacement: 'worker-1' }), onlyLabels],
      ['say a part of the node', relabeling({ ...fromNode, regex: '(.).*' }), onlyLabels],
      ['say a number of the node', relabeling({ ...fromNode, action: 'hashmod', modulus: 2 }), onlyLabels],
      ['say another zone', relabeling({ ...fromPod, targetLabel: 'zone' }), onlyLabels],
      ['drop the targets', relabeling({ ...fromNode, action: 'drop' }), onlyLabels],
      ['say labels of pods', relabeling({ action: 'labelmap', regex: '__meta_(.+)' }), onlyLabels],
      [
        'use credentials of a class',
        ({ spec }) => Object.assign(spec, { scrapeClass: 'tls' }),
        /nothing of a PodMonitor/,
      ],
      [
        'say labels of pods as they are',
        ({ spec }) => Object.assign(spec, { podTargetLabels: ['x'] }),
        /nothing of a P/,
      ],
      ['lose samples', ({ spec }) => Object.assign(spec, { sampleLimit: 1 }), /nothing of a PodMonitor/],
      ['scrape others', ({ spec }) => Object.assign(spec, { namespaceSelector: { any: true } }), /no other pods/],
      ['scrape every pod', ({ spec }) => Object.assign(spec, { selector: {} }), /no other pods/],
    ] satisfies [string, (object: Json) => void, RegExp][]
  ).map(on('PodMonitor')),
];

/** What no kind may do. */
const commonViolations = ['ServiceAccount', ...kinds].flatMap((kind) =>
  (
    [
      [
        'take the label of the manager away',
        ({ metadata }) => delete metadata.labels['app.kubernetes.io/managed-by'],
        /keep the labels/,
      ],
      [
        'give it to another manager',
        ({ metadata }) => Object.assign(metadata.labels, { 'app.kubernetes.io/managed-by': 'Helm' }),
        /keep the labels/,
      ],
      [
        'give it to another NetExporter',
        ({ metadata }) => Object.assign(metadata.labels, { 'app.kubernetes.io/instance': 'other' }),
        /keep the labels/,
      ],
      [
        'use the name of another NetExporter',
        ({ metadata }) => Object.assign(metadata.ownerReferences[0], { name: 'other' }),
        /named after their NetExporter|keep the labels/,
      ],
      ['have no controller', ({ metadata }) => delete metadata.ownerReferences, /whose controller is a NetExporter/],
      [
        'have an owner that is no controller',
        ({ metadata }) => Object.assign(metadata.ownerReferences[0], { controller: false }),
        /whose controller is a NetExporter/,
      ],
      [
        'have another controller',
        ({ metadata }) => Object.assign(metadata.ownerReferences[0], { apiVersion: 'apps/v1', kind: 'Deployment' }),
        /whose controller is a NetExporter/,
      ],
    ] satisfies [string, (object: Json) => void, RegExp][]
  ).map(on(kind)),
);

export const violations: readonly Violation[] = [
  ...podViolations,
  ...otherViolations,
  ...ruleViolations,
  ...commonViolations,
];

/** Objects by which violations are tried. */
export interface Specimens {
  /** As the operator declares what exists. */
  declared: readonly ManifestObject[];
  /** As it would declare what does not exist. */
  another: readonly ManifestObject[];
  /** As the API server has those that exist. */
  live: readonly ManifestObject[];
}

/** How many violations are tried at once. The API server refuses more requests of one client than it has seats for. */
const atOnce = 8;

/** Tries each violation by creation, change and server-side apply. @returns those that are not refused by their rule */
export async function unrefused(dryRun: DryRun, tried: readonly Violation[], specimens: Specimens): Promise<string[]> {
  const found: string[] = [];
  for (let first = 0; first < tried.length; first += atOnce) {
    const some = tried.slice(first, first + atOnce).map((violation) => faultsOf(dryRun, violation, specimens));
    found.push(...(await Promise.all(some)).flat());
  }
  return found;
}

async function faultsOf(dryRun: DryRun, violation: Violation, specimens: Specimens): Promise<string[]> {
  const { kind, attempt, message } = violation;
  const of = (objects: readonly ManifestObject[]) => objects.find((object) => object.kind === kind)!;
  const [declared, another, live] = [of(specimens.declared), of(specimens.another), of(specimens.live)];
  const applied = violating(declared, violation);
  const verdicts = {
    create: dryRun.create(violating(another, violation)),
    'apply of a new one': dryRun.apply(violating(another, violation)),
    // Nobody can change a selector.
    ...((kind !== 'DaemonSet' || attempt !== 'select pods of others') && {
      change: dryRun.replace(violating(live, violation)),
    }),
    // An apply leaves what it removes where it has another manager, too.
    ...(!removesFrom(declared, applied) && { apply: dryRun.apply(applied) }),
  };
  const refusals = Object.entries(verdicts).map(async ([request, verdict]) => {
    const answer = await verdict;
    const isByRule = answer !== 'admitted' && answer.status === 403 && message.test(refusalOf(answer));
    return isByRule ? [] : [`${kind}, ${request}: ${attempt}: ${refusalOf(answer)}`];
  });
  return (await Promise.all(refusals)).flat();
}

/** An object with a violation. */
function violating(object: ManifestObject, { change }: Violation): ManifestObject {
  const copy = structuredClone(object);
  change(copy);
  return copy;
}

/**
 * Whether something of an object is missing in another one. Server-side apply leaves it, where another manager has it,
 * too.
 */
function removesFrom(object: unknown, other: unknown): boolean {
  if (typeof object !== 'object' || object === null) return false;
  if (typeof other !== 'object' || other === null) return true;
  const fields = other as Record<string, unknown>;
  return Object.entries(object).some(([field, value]) => !(field in fields) || removesFrom(value, fields[field]));
}
