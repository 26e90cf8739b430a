import { enforcementScript, type NetworkPolicy, type PolicyPod, type Surroundings } from '../cluster/network-policy.ts';
import { getJson } from './agents.ts';
import type { Environment } from './environment.ts';

const table = 'net_exporter_policies';

interface Listed {
  kind: string;
  metadata: { namespace: string; name: string; labels?: Record<string, string> };
  spec: {
    nodeName?: string;
    hostNetwork?: boolean;
    containers?: { ports?: { name?: string; protocol?: string; containerPort: number }[] }[];
  };
  status?: { phase?: string; podIPs?: { ip: string }[] };
}

/**
 * All NetworkPolicies of the cluster, enforced on every node for the pods that there are now: the cluster's own network
 * enforces none. Pods that come later are not known.
 */
export class EnforcedPolicies {
  readonly #env: Environment;

  private constructor(env: Environment) {
    this.#env = env;
  }

  static async start(env: Environment): Promise<EnforcedPolicies> {
    const enforced = new EnforcedPolicies(env);
    const { items } = await getJson<{ items: Listed[] }>(env.kubectl, ['networkpolicies,pods,namespaces', '-A']);
    const policies = items.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as NetworkPolicy[];
    const surroundings: Surroundings = {
      namespaces: new Map(
        items.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => [metadata.name, metadata.labels ?? {}]),
      ),
      pods: items.filter(hasNetwork).map(policyPodOf),
    };
    try {
      for (const { name } of env.cluster.nodes) {
        const input = enforcementScript(table, name, policies, surroundings);
        await env.cluster.exec(name, ['nft', '-f', '-'], { input });
      }
    } catch (error) {
      await enforced.stop();
      throw error;
    }
    return enforced;
  }

  /** How many packets that would have begun something were dropped, by what `counterOf` calls it. */
  async dropped(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { name } of this.#env.cluster.nodes) {
      const listed = await this.#env.cluster.exec(name, ['nft', '-j', 'list', 'counters', 'table', 'inet', table]);
      const { nftables } = JSON.parse(listed) as { nftables: { counter?: { name: string; packets: number } }[] };
      for (const { counter } of nftables) if (counter) counts.set(counter.name, counter.packets);
    }
    return counts;
  }

  async stop(): Promise<void> {
    // The first line makes one where there is none, so that the second always has one to delete.
    const input = `add table inet ${table}\ndelete table inet ${table}\n`;
    for (const { name } of this.#env.cluster.nodes) await this.#env.cluster.exec(name, ['nft', '-f', '-'], { input });
  }
}

function hasNetwork({ kind, spec, status }: Listed): boolean {
  return kind === 'Pod' && !spec.hostNetwork && status?.phase === 'Running' && (status.podIPs ?? []).length > 0;
}

function policyPodOf({ metadata, spec, status }: Listed): PolicyPod {
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    node: spec.nodeName ?? '',
    labels: metadata.labels ?? {},
    addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
    ports: (spec.containers ?? []).flatMap(({ ports = [] }) =>
      ports.map(({ name, protocol = 'TCP', containerPort }) => ({
        ...(name !== undefined && { name }),
        protocol,
        number: containerPort,
      })),
    ),
  };
}
