import { waitFor } from '../../test/cluster/wait.ts';
import type { PodFacts } from './facts.ts';
import { crashes } from './reasons.ts';
import type { Operation, Stage } from './stage.ts';

const podPath = (stage: Stage, { name }: PodFacts) => `/api/v1/namespaces/${stage.namespace}/pods/${name}`;
const podNow = (stage: Stage, { uid }: PodFacts) => stage.observer.now.pods.find((pod) => pod.uid === uid);

/** Kills an agent's process, and waits until its end is known. */
async function kill(stage: Stage, agent: PodFacts): Promise<void> {
  const isAgain = () => podNow(stage, agent)?.isRunning === true;
  await waitFor(`${agent.name} to run`, isAgain, { timeout: 120_000, signal: stage.bench.signal });
  const times = podNow(stage, agent)?.lastEnd?.times ?? 0;
  await stage.signalAgent(agent, 'SIGKILL');
  await stage.until(
    `the end of ${agent.name}`,
    ({ pods }) => (pods.find(({ uid }) => uid === agent.uid)?.lastEnd?.times ?? 0) > times,
  );
}

/** Agents that end or hang. */
export const agents: readonly Operation[] = [
  {
    name: "agent's pod deleted",
    isPlanned: false,
    run: (stage) => stage.delete(podPath(stage, stage.anyAgent())),
  },
  {
    name: "agent's process killed",
    isPlanned: false,
    run: (stage) => kill(stage, stage.anyAgent()),
  },
  {
    name: 'agent that crashes again and again',
    isPlanned: false,
    deadline: 180,
    run: async (stage) => {
      const agent = stage.anyAgent();
      // The condition shows its crashes for ten minutes. Another pod has none.
      stage.later(`pod ${agent.name}`, () => stage.delete(podPath(stage, agent)));
      for (let round = 0; round < 3; round++) await kill(stage, agent);
      await stage.until('a crash loop', ({ pods, wall }) => pods.some((pod) => crashes(pod, wall)));
      await stage.describe({ names: [agent.node], remedy: /check the logs/i });
    },
  },
  {
    name: 'agent that hangs',
    isPlanned: false,
    run: async (stage) => {
      const agent = stage.anyAgent();
      // The kubelet may have ended it meanwhile.
      stage.later(`agent ${agent.name}`, () => stage.signalAgent(agent, 'SIGCONT').catch(() => {}));
      await stage.signalAgent(agent, 'SIGSTOP');
      const isNotReady = ({ pods }: { pods: readonly PodFacts[] }) =>
        pods.some(({ uid, isReady }) => uid === agent.uid && !isReady);
      await stage.until(`${agent.name} to be not ready`, isNotReady);
      await stage.describe({ names: [agent.node], remedy: /check/i }, 15);
    },
  },
];
