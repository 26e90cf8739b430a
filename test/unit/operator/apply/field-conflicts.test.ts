import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type FieldConflict, FieldConflicts } from '../../../../src/operator/apply/field-conflicts.ts';
import type { FakeClock } from '../../fake-clock.ts';
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
  conflicts.reverted('a', 'hash', ['x'], []);
  assert.equal(conflicts.unresolved('a', 'hash')?.requeueAfterMs, 10_000);
  clock.advance(10_000);
  assert.equal(conflicts.unresolved('a', 'hash'), undefined);
});

/** A field that a rival changes, as the operator sees it through its watch and its queue. Times in milliseconds. */
class ContestedField {
  readonly conflicts: FieldConflicts;
  readonly #clock: FakeClock;
  isOurs = true;
  isReported = false;
  /** How often the conflict was reported after it had been over. */
  reports = 0;
  lastRevertAt = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.conflicts = new FieldConflicts(clock);
  }

  /** Reconciles once. */
  reconcile(): void {
    let conflict: FieldConflict | undefined;
    if (!this.isOurs) {
      conflict = this.conflicts.backingOff('a', 'hash', ['x']);
      if (!conflict) {
        this.conflicts.reverted('a', 'hash', ['x'], ['rival']);
        this.isOurs = true;
        this.lastRevertAt = this.#clock.monotonic();
      }
    }
    if (this.isOurs) conflict = this.conflicts.unresolved('a', 'hash');
    if (conflict && !this.isReported) this.reports++;
    this.isReported = conflict !== undefined;
  }
}

for (const [rival, intervalMs, holdsForMs] of [
  ['that watches the object', 0, 10_000],
  ['that writes every 5 seconds', 5000, 10_000],
  ['that writes every 30 seconds', 30_000, 45_000],
  ['that writes every 37 seconds', 37_000, 56_000],
  ['that writes every 3 minutes', 180_000, 270_000],
] as const)
  test(`a rival ${rival} keeps one conflict while it writes, and for ${holdsForMs / 1000} s after the last revert`, (newClock) => {
    const clock = newClock();
    const field = new ContestedField(clock);
    const stepMs = 500;
    const pass = (isRivalThere: boolean) => {
      clock.advance(stepMs);
      if (isRivalThere && (intervalMs === 0 || clock.monotonic() % intervalMs < stepMs)) field.isOurs = false;
      field.reconcile();
    };
    for (let passedMs = 0; passedMs < 2 * 3_600_000; passedMs += stepMs) pass(true);
    assert.deepEqual([field.isReported, field.reports], [true, 1], 'it does not flap');
    while (!field.isOurs) pass(false);
    while (field.isReported) pass(false);
    const heldMs = clock.monotonic() - field.lastRevertAt;
    assert.ok(heldMs <= holdsForMs && heldMs >= 0.5 * holdsForMs, `${heldMs} ms`);
    assert.ok(holdsForMs > 10_000 || heldMs === 10_000, `${heldMs} ms`);
  });
