import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sequenceFigures } from '../../../soak/operator.ts';

const outcome = (planned: number, accepted: number) => ({
  ...{ seed: 1, seconds: 5, convergedAfter: 1, requests: 100, busiest: 50, violations: [] },
  reports: { planned, accepted },
});

function accepted(...outcomes: ReturnType<typeof outcome>[]) {
  const { value, ok } = sequenceFigures(outcomes).find(({ name }) => name === 'hostile_reports_accepted')!;
  return { value, ok };
}

test('of the hostile reports of a whole run, at least one has to be accepted, if any were planned', () => {
  assert.deepEqual(accepted(outcome(1, 0), outcome(2, 7)), { value: 7, ok: true });
  assert.deepEqual(accepted(outcome(1, 0), outcome(1, 0)), { value: 0, ok: false });
  assert.deepEqual(accepted(outcome(0, 0)), { value: 0, ok: null });
});
