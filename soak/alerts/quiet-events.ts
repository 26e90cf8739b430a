import { operatorNamespace } from '../../src/contract/operator-names.ts';
import { processesOf } from '../../test/e2e/container-process.ts';
import { scaleOperator } from '../../test/e2e/environment.ts';
import { leaseOf } from '../../test/e2e/operators.ts';
import { type PlannedEvent, plannedEvents } from '../judge/planned-events.ts';

/** The leader ends without giving up its Lease, and another one waits until that has expired. */
const leaderKilled: PlannedEvent = {
  name: 'leader_killed',
  run: async ({ bench, cluster, kubectl }) => {
    const { pod } = await leaseOf({ kubectl });
    for (const pid of await processesOf(cluster, operatorNamespace, pod, 'operator')) process.kill(pid, 'SIGKILL');
    await bench.pass(20);
    await kubectl(['rollout', 'status', '-n', operatorNamespace, 'deployment/net-exporter-operator', '--timeout=180s']);
  },
};

const operatorScaled: PlannedEvent = {
  name: 'operator_scaled',
  run: async ({ bench, kubectl }, undo) => {
    undo.add('replicas of the operator', () => scaleOperator(kubectl, 2));
    await scaleOperator(kubectl, 1);
    await bench.pass(20);
  },
};

/** What administrators do, and a leader that ends. */
export const quietEvents: readonly PlannedEvent[] = [...plannedEvents, leaderKilled, operatorScaled];
