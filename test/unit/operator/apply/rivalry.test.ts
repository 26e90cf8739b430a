import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Rivalry } from '../../../../src/operator/apply/rivalry.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const longestHoldMs = 300_000;

test('whenever the wall clock is set, a contested field is left alone for no longer than five minutes', (newClock) => {
  const step = fc.record({
    setByMs: fc.constantFrom(-3_600_000, 0, 3_600_000),
    passMs: fc.constantFrom(0, 1, 10_000, 300_000),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 20 }), (steps) => {
      const clock = newClock();
      const rivalry = new Rivalry(clock);
      for (const { setByMs, passMs } of steps) {
        rivalry.mended('ConfigMap n/a', 'hash', ['data.x'], ['gitops']);
        clock.stepWall(setByMs);
        clock.advance(passMs);
      }
      const contest = rivalry.held('ConfigMap n/a', 'hash', ['data.x']);
      if (!contest) return;
      assert.ok(contest.lookAgainMs > 0 && contest.lookAgainMs <= longestHoldMs, `${contest.lookAgainMs} ms`);
      clock.stepWall(-3_600_000);
      clock.advance(contest.lookAgainMs);
      assert.equal(rivalry.held('ConfigMap n/a', 'hash', ['data.x']), undefined);
    }),
  );
});

test('a rival is one after four changes, however the wall clock is set in between', (newClock) => {
  const clock = newClock();
  const rivalry = new Rivalry(clock);
  for (let change = 1; change <= 4; change++) {
    assert.equal(rivalry.held('a', 'hash', ['x']), undefined, `after ${change - 1} changes`);
    rivalry.mended('a', 'hash', ['x'], []);
    clock.advance(1000);
  }
  assert.deepEqual(rivalry.held('a', 'hash', ['x']), { managers: [], fields: ['x'], lookAgainMs: 9000 });
  clock.advance(9000);
  assert.equal(rivalry.held('a', 'hash', ['x']), undefined);
  assert.equal(rivalry.unsettled('a', 'hash')?.lookAgainMs, 20_000);
});
