import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import { type RolloutFindings, RolloutWatch } from '../../../../src/operator/controller/rollout-watch.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import { remainingOf } from '../../../../src/operator/status/rollout.ts';
import { FakeClock } from '../../fake-clock.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';

/** What is found of a DaemonSet with this status and these agents, while the node `dead` is not ready. */
function observed(status: object, agents: Partial<AgentPod>[]): RolloutFindings {
  const pods = new Store<AgentPod>({ owner: ({ owner }) => [owner], faulty: () => [], node: ({ node }) => [node] });
  for (const agent of agents) pods.set(agent.node!, agentPod(agent));
  const nodes = new Store<NodeFacts>({ unready: () => [''] });
  nodes.set('dead', { name: 'dead' } as NodeFacts);
  const client = { list: async () => assert.fail('no pod is missing for long') };
  const watch = new RolloutWatch({ client, pods, nodes, clock: new FakeClock(), random: () => 0 });
  const metadata = { namespace: 'monitoring', name: 'default', uid: 'd', resourceVersion: '1', generation: 1 };
  const daemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata,
    status: { observedGeneration: 1, ...status },
  };
  return watch.observe(netExporter(), daemonSet);
}

/** How many agents the DaemonSet lacks. */
function notReady(status: object, agents: Partial<AgentPod>[]): number {
  const { daemonSet, stranded } = observed(status, agents);
  return remainingOf(daemonSet!, stranded).notReady;
}

const counts = { desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberReady: 2 };
const running = [{ node: 'n1' }, { node: 'n2' }];

test('a pod that a dead node cannot delete hides no other agent that is not ready', () => {
  const agents = [...running, { node: 'n3', ready: false }, { node: 'dead', ready: false, deleting: true }];
  assert.equal(notReady({ ...counts, numberMisscheduled: 1 }, agents), 1);
});

test('an agent on a dead node is not waited for while others run on nodes with a later taint NoSchedule', () => {
  const agents = [...running, { node: 'tainted-1' }, { node: 'tainted-2' }, { node: 'dead', ready: false }];
  assert.equal(notReady({ ...counts, numberMisscheduled: 2 }, agents), 0);
});

test('agents that are not ready are named with their nodes, but for those of nodes that are not ready', () => {
  const agents = [
    ...running,
    { name: 'agent-c', node: 'n3', ready: false },
    { name: 'agent-d', node: 'dead', ready: false },
    { name: 'other', node: 'n4', ready: false, controller: 'another-daemonset' },
  ];
  const status = { desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 4, numberReady: 2 };
  assert.deepEqual(observed(status, agents).unready, ['agent-c on n3']);
  assert.deepEqual(observed({ ...status, numberReady: 4 }, running).unready, []);
});
