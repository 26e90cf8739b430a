import { drainOptions } from '../../test/e2e/watched-fleet.ts';
import type { Operation, Stage } from './stage.ts';

const coredns = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
const corednsConfig = '/api/v1/namespaces/kube-system/configmaps/coredns';
const zoneLabel = 'topology.kubernetes.io/zone';
const rollout = 240;

const nodePath = (node: string) => `/api/v1/nodes/${node}`;

async function rollCoredns(stage: Stage): Promise<void> {
  const { kubectl } = stage.bench;
  await kubectl(['rollout', 'restart', '-n', 'kube-system', 'deployment/coredns']);
  await kubectl(['rollout', 'status', '-n', 'kube-system', 'deployment/coredns', '--timeout=120s']);
}

/** Has CoreDNS answer by another configuration until the end of the operation. */
async function configureCoredns(stage: Stage, change: (corefile: string) => string): Promise<void> {
  const { data } = await stage.api.get<{ data: { Corefile: string } }>(corednsConfig);
  stage.later('CoreDNS', async () => {
    await stage.patch(corednsConfig, { data: { Corefile: data.Corefile } });
    await rollCoredns(stage);
  });
  await stage.patch(corednsConfig, { data: { Corefile: change(data.Corefile) } });
  await rollCoredns(stage);
}

/** Every name is answered with SERVFAIL, before any other plugin is asked. */
export function failing(corefile: string): string {
  return corefile.replace(/^( *)kubernetes /m, '$1template ANY ANY {\n$1    rcode SERVFAIL\n$1}\n$1kubernetes ');
}

/**
 * Half of the answers take 700 ms. They are made up: nothing else knows how to be slow. They come from a server of
 * their own in the same process, because the plugin says that it is ready only between its third query and its fifth.
 */
export function slow(corefile: string): string {
  const kept = ['errors', 'ready', 'reload'].filter((plugin) => corefile.includes(plugin));
  const health = 'health {\n        lameduck 5s\n    }';
  const forward = 'forward . 127.0.0.1:5300 {\n        max_fails 0\n    }';
  const erratic = 'erratic {\n        drop 0\n        truncate 0\n        delay 2 700ms\n    }';
  return `.:53 {\n    ${[...kept, health, forward].join('\n    ')}\n}\n.:5300 {\n    ${erratic}\n}\n`;
}

/** What happens around the operator and its agents: DNS, whose failures are worth a Warning, and nodes. */
export const surroundings: readonly Operation[] = [
  {
    name: 'CoreDNS scaled to none and back',
    isPlanned: false,
    run: async (stage) => {
      const scale = (replicas: number) => stage.patch(coredns, { spec: { replicas } });
      stage.later('CoreDNS', async () => {
        await scale(2);
        await stage.bench.kubectl(['rollout', 'status', '-n', 'kube-system', 'deployment/coredns', '--timeout=120s']);
      });
      await scale(0);
      await stage.pass(stage.random.integer(5, 20));
    },
  },
  {
    name: 'CoreDNS answers SERVFAIL',
    isPlanned: false,
    run: async (stage) => {
      await configureCoredns(stage, failing);
      await stage.pass(10);
    },
  },
  {
    name: 'CoreDNS is slow',
    isPlanned: false,
    run: async (stage) => {
      await configureCoredns(stage, slow);
      await stage.pass(10);
    },
  },
  {
    name: 'cordon',
    isPlanned: true,
    run: async (stage) => {
      const node = stage.anyNode();
      stage.later(`uncordon ${node}`, () => stage.bench.kubectl(['uncordon', node]));
      await stage.patch(nodePath(node), { spec: { unschedulable: true } });
      await stage.pass(stage.random.integer(3, 10));
    },
  },
  {
    name: 'drain',
    isPlanned: true,
    run: async (stage) => {
      const node = stage.anyNode();
      stage.later(`uncordon ${node}`, () => stage.bench.kubectl(['uncordon', node]));
      stage.observer.acted();
      await stage.bench.kubectl(['drain', node, ...drainOptions]);
      await stage.pass(stage.random.integer(3, 10));
    },
  },
  {
    name: 'node moves to another zone',
    isPlanned: true,
    run: async (stage) => {
      const { name, zone } = stage.random.pick(stage.bench.cluster.nodes);
      const relabel = (to: string | null) => stage.patch(nodePath(name), { metadata: { labels: { [zoneLabel]: to } } });
      stage.later(`zone of ${name}`, () => relabel(zone));
      await relabel(stage.random.pick(['zone-x', null]));
      await stage.pass(stage.random.integer(3, 10));
    },
  },
  {
    name: 'kubelet halted and continued',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      const node = stage.anyNode();
      stage.halt(node, 'kubelet');
      const isLost = ({ nodes }: { nodes: readonly { name: string; isReady: boolean }[] }) =>
        nodes.some(({ name, isReady }) => name === node && !isReady);
      await stage.until(`${node} to be not ready`, isLost);
      await stage.pass(stage.random.integer(10, 25));
    },
  },
  {
    name: 'kube-proxy halted and continued',
    isPlanned: true,
    run: async (stage) => {
      stage.halt(stage.anyNode(), 'kube-proxy');
      await stage.pass(stage.random.integer(5, 15));
    },
  },
];
