import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floods, planHostility } from '../../../soak/hostility.ts';
import { Random } from '../../../soak/random.ts';

const plansOf = (seed: number) => {
  const random = new Random(seed);
  return Array.from({ length: 200 }, () => planHostility(random, 3));
};

test('a seed decides how a tenant is hostile', () => {
  assert.deepEqual(plansOf(7), plansOf(7));
  assert.notDeepEqual(plansOf(7), plansOf(8));
});

test('every flood and every kind of object comes up, from one pod or several', () => {
  const plans = plansOf(1);
  assert.deepEqual(new Set(plans.flatMap((plan) => plan.floods)), new Set(floods));
  assert.deepEqual(new Set(plans.map(({ pods }) => pods)), new Set([1, 2, 3]));
  const kinds = new Set(plans.map(({ objects }) => objects?.kind));
  assert.deepEqual([...kinds].sort(), ['account', 'affinity', 'large-objects', 'services', undefined]);
  for (const plan of plans) assert.ok(plan.floods.length >= 1 && plan.floods.length <= 3);
});
