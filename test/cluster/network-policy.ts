import { isIPv6 } from 'node:net';

/** A label selector, of which this project's policies use labels only; an empty one selects everything. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
}

export interface PolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string };
}

export interface PolicyPort {
  protocol?: string;
  /** A number, or the name of a port of the pods at which traffic arrives. */
  port?: number | string;
}

/** A NetworkPolicy (networking.k8s.io/v1), as far as this project's policies go. */
export interface NetworkPolicy {
  metadata: { namespace: string; name: string };
  spec: {
    podSelector: LabelSelector;
    policyTypes: ('Ingress' | 'Egress')[];
    ingress?: { from?: PolicyPeer[]; ports?: PolicyPort[] }[];
    egress?: { to?: PolicyPeer[]; ports?: PolicyPort[] }[];
  };
}

/** What there is besides policies. Pods in a node's own network are none: no policy is about them. */
export interface PolicyPod {
  namespace: string;
  name: string;
  node: string;
  labels: Record<string, string>;
  /** Of one family, or of both. */
  addresses: string[];
  ports: { name?: string; protocol: string; number: number }[];
}

export interface Surroundings {
  /** The labels of each namespace, by its name. */
  namespaces: Map<string, Record<string, string>>;
  pods: readonly PolicyPod[];
}

type Direction = 'ingress' | 'egress';

const directions: Direction[] = ['ingress', 'egress'];

/**
 * What a network that enforces policies does to a pod, as rules of nftables: undefined where no policy is about what
 * the pod gets or sends. What is among `matches` passes, and nothing else does.
 * @throws RangeError for a feature of policies that is not known here: it must not be taken for a permission
 */
export function matchesFor(
  pod: PolicyPod,
  direction: Direction,
  policies: readonly NetworkPolicy[],
  surroundings: Surroundings,
): string[] | undefined {
  const about = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.namespace &&
      spec.policyTypes.some((type) => type.toLowerCase() === direction) &&
      selects(spec.podSelector, pod.labels),
  );
  if (about.length === 0) return undefined;
  const rules = about.flatMap(({ metadata, spec }) =>
    direction === 'ingress'
      ? (spec.ingress ?? []).map(({ from: peers, ports, ...more }) => ({ metadata, peers, ports, more }))
      : (spec.egress ?? []).map(({ to: peers, ports, ...more }) => ({ metadata, peers, ports, more })),
  );
  return rules.flatMap(({ metadata, peers, ports, more }) => {
    refuseMore('a rule', more);
    const ends = peers?.flatMap((peer) => endsOf(peer, metadata.namespace, surroundings)) ?? [undefined];
    return ends.flatMap((end) => {
      const target = direction === 'ingress' ? pod : end?.pod;
      const addresses = end ? [addressMatch(direction === 'ingress' ? 'saddr' : 'daddr', end.address)] : [];
      return portMatches(ports, target).map((port) => [...addresses, ...port].join(' '));
    });
  });
}

/** One end of a connection: an address or a network, and the pod whose address it is. */
interface End {
  address: string;
  pod?: PolicyPod;
}

function endsOf(peer: PolicyPeer, namespace: string, { namespaces, pods }: Surroundings): End[] {
  const { podSelector, namespaceSelector, ipBlock, ...more } = peer;
  refuseMore('a peer', more);
  if (ipBlock) {
    const { cidr, ...rest } = ipBlock;
    refuseMore('an ipBlock', rest);
    return [{ address: cidr }];
  }
  return pods
    .filter((pod) =>
      namespaceSelector ? selects(namespaceSelector, namespaces.get(pod.namespace) ?? {}) : pod.namespace === namespace,
    )
    .filter(({ labels }) => selects(podSelector ?? {}, labels))
    .flatMap((pod) => pod.addresses.map((address) => ({ address, pod })));
}

/** Each way to match one of the ports; none where a name is no port of the pod. */
function portMatches(ports: PolicyPort[] | undefined, target: PolicyPod | undefined): string[][] {
  if (!ports) return [[]];
  return ports.flatMap(({ protocol = 'TCP', port, ...more }) => {
    refuseMore('a port', more);
    const transport = protocol.toLowerCase();
    if (port === undefined) return [[`meta l4proto ${transport}`]];
    if (typeof port === 'number') return [[`${transport} dport ${port}`]];
    return (target?.ports ?? [])
      .filter((own) => own.name === port && own.protocol === protocol)
      .map(({ number }) => [`${transport} dport ${number}`]);
  });
}

function selects(selector: LabelSelector, labels: Record<string, string>): boolean {
  const { matchLabels = {}, ...more } = selector;
  refuseMore('a selector', more);
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

function refuseMore(what: string, more: object): void {
  const [field] = Object.keys(more);
  if (field !== undefined) throw new RangeError(`${what} of a NetworkPolicy has ${field}, which is not enforced here`);
}

/** What of nftables matches an address or a network, of either family. */
export function addressMatch(field: 'saddr' | 'daddr', address: string): string {
  return `${isIPv6(address.split('/')[0]!) ? 'ip6' : 'ip'} ${field} ${address}`;
}

/** The counter of what was kept from getting to a pod, or from leaving it. */
export function counterOf(direction: Direction, pod: Pick<PolicyPod, 'namespace' | 'name'>): string {
  return `${direction}/${pod.namespace}/${pod.name}`;
}

/**
 * A script for nft(8) that enforces policies for the pods of one node. It is about what goes through the node, behind
 * kube-proxy's translation of Services, and about what pods send to the node itself. What the node sends to its own
 * pods passes: the kubelet's probes.
 */
export function enforcementScript(
  table: string,
  node: string,
  policies: readonly NetworkPolicy[],
  surroundings: Surroundings,
): string {
  const local = surroundings.pods.filter((pod) => pod.node === node);
  const isolated = local.flatMap((pod) =>
    directions.flatMap((direction) => {
      const matches = matchesFor(pod, direction, policies, surroundings);
      return matches ? [{ pod, direction, matches, name: counterOf(direction, pod) }] : [];
    }),
  );
  const dispatch = isolated.flatMap(({ pod, direction, name }) =>
    pod.addresses.map(
      (address) => `${addressMatch(direction === 'ingress' ? 'daddr' : 'saddr', address)} jump ${name}`,
    ),
  );
  const toItself = local.flatMap(({ addresses }) =>
    addresses.map((address) => `${addressMatch('saddr', address)} ${addressMatch('daddr', address)} accept`),
  );
  const chain = (name: string, lines: string[]) => [`chain ${name} {`, ...lines.map((line) => `  ${line}`), '}'];
  return [
    `table inet ${table} {`,
    ...isolated.map(({ name }) => `counter ${name} { }`),
    ...isolated.flatMap(({ name, matches }) =>
      chain(name, [
        ...matches.map((match) => `${match} return`),
        // What is left of connections that have ended tells of no policy.
        `ct state new counter name "${name}"`,
        'drop',
      ]),
    ),
    ...chain('policies', [
      'ct state established,related accept',
      'meta l4proto != { tcp, udp } accept',
      ...toItself,
      ...dispatch,
    ]),
    ...chain('forward', ['type filter hook forward priority filter; policy accept;', 'jump policies']),
    ...chain('input', ['type filter hook input priority filter; policy accept;', 'jump policies']),
    '}',
    '',
  ].join('\n');
}
