import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentCrashes } from '../../../../src/operator/agents/recent-crashes.ts';
import { FakeClock } from '../../fake-clock.ts';

const minute = 60_000;

function setUp() {
  const clock = new FakeClock();
  const crashes = new RecentCrashes(clock);
  const select = (...pods: [uid: string, crashedAt: number][]) =>
    crashes.select(pods.map(([uid, crashedAt]) => ({ uid, crashedAt }))).map(({ uid }) => uid);
  return { clock, crashes, select };
}

test('a crash is recent for ten minutes, and the end of that is told', () => {
  const { clock, crashes, select } = setUp();
  const crashedAt = clock.wall() - 3 * minute;
  assert.deepEqual(select(['a', crashedAt]), ['a']);
  assert.equal(crashes.nextEndMs, 7 * minute);
  clock.advance(7 * minute - 1);
  assert.deepEqual(select(['a', crashedAt]), ['a']);
  clock.advance(1);
  assert.deepEqual(select(['a', crashedAt]), []);
  assert.equal(crashes.nextEndMs, Number.POSITIVE_INFINITY);
});

test('another crash of the same pod begins anew; a crash of long ago does not count for a new leader', () => {
  const { clock, select } = setUp();
  const first = clock.wall();
  select(['a', first]);
  clock.advance(11 * minute);
  assert.deepEqual(select(['a', clock.wall() - 1000], ['b', first - 24 * 60 * minute]), ['a']);
});

test('clocks that are set, here or on the node, change no crash that is known, and none counts for longer', () => {
  const { clock, select } = setUp();
  const future = clock.wall() + 60 * minute;
  assert.deepEqual(select(['a', future]), ['a']);
  clock.stepWall(-24 * 60 * minute);
  clock.advance(10 * minute - 1);
  assert.deepEqual(select(['a', future]), ['a']);
  clock.advance(1);
  assert.deepEqual(select(['a', future]), []);
});

test('pods that are gone are forgotten', () => {
  const { crashes, select, clock } = setUp();
  select(['a', clock.wall()]);
  select();
  assert.equal(crashes.nextEndMs, Number.POSITIVE_INFINITY);
});
