import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FieldConflicts } from '../../../../src/operator/apply/field-conflicts.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const maxBackoffMs = 300_000;

test('whenever the wall clock is set, a contested field is left alone for no longer than five minutes', (newClock) => {
  const step = fc.record({
    setByMs: fc.constantFrom(-3_600_000, 0, 3_600_000),
    passMs: fc.constantFrom(0, 1, 10_000, 300_000),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 20 }), (steps) => {
      const clock = newClock();
      const conflicts = new FieldConflicts(clock);
      for (const { setByMs, passMs } of steps) {
        conflicts.reverted('ConfigMap n/a', 'hash', ['data.x'], ['gitops']);
        clock.stepWall(setByMs);
        clock.advance(passMs);
      }
      const conflict = conflicts.backingOff('ConfigMap n/a', 'hash', ['data.x']);
      if (!conflict) return;
      assert.ok(
        conflict.requeueAfterMs > 0 && conflict.requeueAfterMs <= maxBackoffMs,
        `${conflict.requeueAfterMs} ms`,
      );
      clock.stepWall(-3_600_000);
      clock.advance(conflict.requeueAfterMs);
      assert.equal(conflicts.backingOff('ConfigMap n/a', 'hash', ['data.x']), undefined);
    }),
  );
});

test('a change is a conflict after four reverts, however the wall clock is set in between', (newClock) => {
  const clock = newClock();
  const conflicts = new FieldConflicts(clock);
  for (let change = 1; change <= 4; change++) {
    assert.equal(conflicts.backingOff('a', 'hash', ['x']), undefined, `after ${change - 1} changes`);
    conflicts.reverted('a', 'hash', ['x'], []);
    clock.advance(1000);
  }
  assert.deepEqual(conflicts.backingOff('a', 'hash', ['x']), { managers: [], fields: ['x'], requeueAfterMs: 9000 });
  clock.advance(9000);
  assert.equal(conflicts.backingOff('a', 'hash', ['x']), undefined);
  assert.equal(conflicts.unresolved('a', 'hash')?.requeueAfterMs, 20_000);
});
