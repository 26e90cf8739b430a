import type { BenchCluster } from '../../bench/bench-cluster.ts';
import { operatorNamespace } from '../../src/contract/operator-names.ts';
import type { Cleanups } from '../../test/cluster/cleanups.ts';
import { drainOptions, type WatchedFleet } from '../../test/e2e/watched-fleet.ts';
import type { FaultSite } from '../../test/judge/fault-site.ts';

/** What a planned event acts on. */
export interface PlannedStage extends FaultSite {
  bench: BenchCluster;
  fleet: WatchedFleet;
}

/** Something that administrators do. It makes no suspect. */
export interface PlannedEvent {
  name: string;
  /** Adds to `undo` what sets back what it changes. */
  run: (stage: PlannedStage, undo: Cleanups) => Promise<void>;
}

const coredns = ['-n', 'kube-system', 'deployment/coredns'];

async function rollOut({ kubectl }: PlannedStage, target: readonly string[]): Promise<void> {
  await kubectl(['rollout', 'restart', ...target]);
  await rolledOut(kubectl, target);
}

async function rolledOut(kubectl: PlannedStage['kubectl'], target: readonly string[]): Promise<void> {
  await kubectl(['rollout', 'status', ...target, '--timeout=300s']);
}

export const plannedEvents: readonly PlannedEvent[] = [
  {
    name: 'drain',
    run: async ({ bench, cluster, kubectl, choose }, undo) => {
      const [node] = choose(cluster.nodes, 1);
      undo.add(`uncordon ${node!.name}`, () => kubectl(['uncordon', node!.name]));
      await kubectl(['drain', node!.name, ...drainOptions]);
      await bench.pass(20);
    },
  },
  {
    name: 'agents_rollout',
    run: (stage) => rollOut(stage, ['-n', stage.namespace, `daemonset/${stage.name}-agent`]),
  },
  {
    name: 'operator_rollout',
    run: (stage) => rollOut(stage, ['-n', operatorNamespace, 'deployment/net-exporter-operator']),
  },
  { name: 'dns_rollout', run: (stage) => rollOut(stage, coredns) },
  {
    name: 'dns_pod_deleted',
    run: async ({ kubectl, choose }) => {
      const pods = await kubectl(['get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '-o', 'name']);
      const [pod] = choose(pods.trim().split('\n'), 1);
      await kubectl(['delete', '-n', 'kube-system', pod!]);
      await rolledOut(kubectl, coredns);
    },
  },
  {
    name: 'dns_scaled',
    run: async ({ bench, kubectl }, undo) => {
      const scale = async (replicas: number) => {
        await kubectl(['scale', ...coredns, `--replicas=${replicas}`]);
        await rolledOut(kubectl, coredns);
      };
      undo.add('replicas of CoreDNS', () => scale(2));
      await scale(3);
      await bench.pass(20);
    },
  },
  {
    name: 'node_added_and_removed',
    run: async ({ bench, cluster, fleet, kubectl }, undo) => {
      const { name: node } = await cluster.addNode();
      undo.add(node, async () => {
        await kubectl(['drain', node, ...drainOptions]);
        await cluster.removeNode(node);
        await fleet.collectPodsOf(node);
      });
      await bench.pass(45);
    },
  },
  {
    name: 'edit',
    run: async ({ bench, kubectl, namespace, name }, undo) => {
      const edit = (interval: string) => {
        const spec = JSON.stringify({ spec: { network: { interval } } });
        return kubectl(['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', spec]);
      };
      undo.add('the interval', () => edit('5s'));
      await edit('6s');
      await bench.pass(20);
    },
  },
];
