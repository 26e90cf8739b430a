import { type Agent, hostOf } from '../test/e2e/agents.ts';
import { apply } from '../test/e2e/environment.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';

const label = 'net-exporter-bench/joined';

/**
 * Makes agents of several NetExporters each other's peers: the addresses of all others are added to each one's headless Service, beside
 * those that Kubernetes puts there. So an agent has more peers than there are nodes, each a real agent that dials it in turn.
 */
export async function joinPeers(bench: BenchCluster, fleets: ReadonlyMap<string, readonly Agent[]>): Promise<void> {
  for (const name of fleets.keys()) {
    const others = [...fleets].filter(([other]) => other !== name).flatMap(([, agents]) => agents);
    await apply(bench.kubectl, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace,
        name: `${name}-joined`,
        labels: {
          [label]: '',
          'kubernetes.io/service-name': `${name}-agent-peers`,
          'endpointslice.kubernetes.io/managed-by': 'net-exporter-bench',
        },
      },
      addressType: 'IPv4',
      ports: [{ name: 'metrics', port: others[0]!.port, protocol: 'TCP' }],
      endpoints: others.map(({ ip }) => ({ addresses: [ip], conditions: { ready: true } })),
    });
  }
}

/** Takes them apart again. */
export async function separatePeers({ kubectl }: BenchCluster): Promise<void> {
  await kubectl(['delete', 'endpointslices', '-n', namespace, '-l', label]);
}

/** Their addresses, as `ip:port`. */
export function hostsOf(fleets: Iterable<readonly Agent[]>): string[] {
  return [...fleets].flat().map(hostOf);
}
