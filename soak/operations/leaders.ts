import { operatorName, operatorNamespace } from '../../src/contract/operator-names.ts';
import type { Operation, Stage } from './stage.ts';

const deployment = `/apis/apps/v1/namespaces/${operatorNamespace}/deployments/${operatorName}`;
const pod = (name: string) => `/api/v1/namespaces/${operatorNamespace}/pods/${name}`;

/** How many operators there are. */
export const operatorCount = 2;

/** Deletes the leader's pod, or kills its process. */
async function end(stage: Stage, how: 'deleted' | 'killed'): Promise<void> {
  const leader = stage.leader();
  const endedAt = performance.now();
  if (how === 'deleted') await stage.delete(pod(leader.name));
  else {
    await stage.signalLeader(leader, 'SIGKILL');
    stage.observer.leaderKilled();
  }
  await stage.untilLedAnew(leader, endedAt);
}

async function editHosts(stage: Stage): Promise<void> {
  await stage.edit({ dns: { hosts: [`edit-${stage.random.integer(1, 9999)}.example.`] } });
}

/** Scales the operator, until the end of the operation to none. */
async function scaleToNone(stage: Stage): Promise<void> {
  const scale = (replicas: number) => stage.patch(deployment, { spec: { replicas } });
  stage.later('the operators', () => scale(operatorCount));
  await scale(0);
  await stage.until('the end of all operators', ({ leader }) => leader === undefined, 60);
}

/** Leaders that are lost, and edits meanwhile. */
export const leaders: readonly Operation[] = [
  ...(['deleted', 'killed'] as const).flatMap((how): Operation[] => [
    { name: `leader ${how}`, isPlanned: how === 'deleted', run: (stage) => end(stage, how) },
    {
      name: `leader ${how} during an edit`,
      isPlanned: how === 'deleted',
      run: async (stage) => {
        const ending = end(stage, how);
        // By then the old leader leads, the next one does, or none does.
        await stage.pass(stage.random.fraction() * 3).then(() => editHosts(stage));
        await ending;
      },
    },
  ]),
  {
    name: 'operators scaled to none and back',
    isPlanned: false,
    deadline: 180,
    run: async (stage) => {
      await scaleToNone(stage);
      await stage.pass(stage.random.integer(5, 60));
    },
  },
  {
    name: 'edit while there is no operator',
    isPlanned: false,
    deadline: 180,
    run: async (stage) => {
      await scaleToNone(stage);
      await editHosts(stage);
      await stage.pass(stage.random.integer(5, 60));
    },
  },
  {
    name: 'leader changes during an edit, out of reach of one node',
    isPlanned: false,
    deadline: 180,
    run: async (stage) => {
      const leader = stage.leader();
      // Its kube-proxy does not learn of the next leader: not one of a node on which that may be.
      const operators = stage.observer.operators.map(({ node }) => node);
      const nodes = stage.bench.cluster.nodes.map(({ name }) => name).filter((name) => !operators.includes(name));
      const node = stage.random.pick(nodes);
      stage.halt(node, 'kube-proxy');
      const endedAt = performance.now();
      await stage.delete(pod(leader.name));
      await editHosts(stage);
      await stage.untilLedAnew(leader, endedAt);
      const steps = /in this order: whether the node is ready, the log of its agent, and the path/;
      await stage.describe({ names: [node], remedy: steps });
      // It is out of sync after 45 seconds.
      await stage.pass(45);
      await stage.describe({ names: [node], remedy: new RegExp(`Check ${steps.source}`) }, 15);
      await stage.pass(5);
    },
  },
];
