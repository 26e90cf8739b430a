import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { planSequence } from '../../faults/sequence-plan.ts';

const options = { node: 'node-1', steps: 8, heavy: 0.5 };
const plans = Array.from({ length: 300 }, (_, seed) => planSequence(seed, options));

test('a seed decides all that happens', () => {
  assert.deepEqual(planSequence(7, options), plans[7]);
  assert.notDeepEqual(plans[7], plans[8]);
});

test('every kind of thing happens in some sequence, and what takes long at most once in each', () => {
  const kinds = new Set(plans.flat().map(({ action }) => action.do));
  assert.deepEqual([...kinds].sort(), [
    ...['create', 'damage', 'delete', 'edit', 'end-leader', 'fault', 'interrupt', 'restart', 'stop-leader'],
    'unreachable',
  ]);
  const faults = new Set(plans.flat().flatMap(({ action }) => (action.do === 'fault' ? action.rule.fault.kind : [])));
  assert.deepEqual([...faults].sort(), [
    ...['corrupt', 'cut', 'delay', 'expired', 'lost-answer', 'silent', 'status', 'trickle'],
  ]);
  for (const plan of plans) {
    assert.equal(plan.length, options.steps);
    assert.ok(plan.filter(({ action }) => action.do === 'restart' || action.do === 'stop-leader').length <= 1);
  }
});

test('what is heavy can be told, and the rest of the sequence is as without it', () => {
  const expected = { apiserver: 'restart', etcd: 'restart', hang: 'stop-leader' };
  for (const heavy of ['apiserver', 'etcd', 'hang'] as const)
    for (let seed = 0; seed < 50; seed++) {
      const light = planSequence(seed, { ...options, heavy: 0 });
      const plan = planSequence(seed, { ...options, heavy });
      const differing = plan.filter(({ action }, index) => !isDeepStrictEqual(action, light[index]?.action));
      assert.equal(differing.length, 1);
      const { action } = differing[0]!;
      assert.equal(action.do, expected[heavy]);
      if (action.do === 'restart') assert.equal(action.component, heavy);
    }
});

test('without a share of heavy things there are none', () => {
  const light = Array.from({ length: 100 }, (_, seed) => planSequence(seed, { ...options, heavy: 0 })).flat();
  assert.ok(!light.some(({ action }) => action.do === 'restart' || action.do === 'stop-leader'));
});

test('strangers come where they are asked for, and everything else stays as it was', () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  const kinds = new Set<string>();
  for (const seed of seeds) {
    const plan = planSequence(seed, { ...options, strangers: 0.5 });
    const trespasses = plan.flatMap(({ action }) => (action.do === 'trespass' ? action.trespass : []));
    for (const { kind } of trespasses) kinds.add(kind);
    assert.ok(trespasses.length <= 2);
    assert.deepEqual(
      plan.filter(({ action }) => action.do !== 'trespass'),
      plans[seed],
    );
  }
  assert.deepEqual([...kinds].sort(), ['account', 'affinity', 'connections', 'large-objects', 'reports', 'services']);
});
