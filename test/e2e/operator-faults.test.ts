import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FaultRig } from '../faults/fault-rig.ts';
import { runSequence } from '../faults/sequence.ts';
import { type Environment, environment, removeNamespace, restrictedNamespace } from './environment.ts';

const namespace = 'e2e-operator-faults';

/** Other sequences than those of every run: NET_EXPORTER_FAULT_SEEDS=7,21 node --test …. */
const chosen = process.env.NET_EXPORTER_FAULT_SEEDS;
const seeds = chosen ? chosen.split(',').map(Number) : Array.from({ length: 20 }, (_, index) => index + 1);

const options = { namespace, steps: 8, heavyShare: 0.15, deadline: 60_000, requestsPerSecond: 60 };

let env: Environment;
let rig: FaultRig;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  rig = await FaultRig.start(env.cluster, ['faults-a'], 1);
});

after(async () => {
  await rig.stop();
  await removeNamespace(env.kubectl, namespace);
});

for (const seed of seeds)
  test(`after edits, faults and restarts everything is as without them (sequence ${seed})`, async (t) => {
    const steps: string[] = [];
    const outcome = await runSequence(rig, seed, { ...options, log: (line) => steps.push(line) });
    t.diagnostic(JSON.stringify(outcome));
    if (outcome.violations.length === 0) return;
    for (const step of steps) t.diagnostic(step);
    for (const { log } of rig.operators.running) t.diagnostic(log);
    assert.fail(outcome.violations.join('\n'));
  });
