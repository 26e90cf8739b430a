import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Offsets, type Timetable } from '../../../../src/agent/plan/offsets.ts';

const task = (slot: string, group?: string, intervalMs = 10_000): Timetable => ({
  slot,
  intervalMs,
  isShared: true,
  group,
});

/** How many of each place there are. */
function counts(offsets: readonly number[]): number[] {
  return [...Map.groupBy(offsets, (ms) => ms).values()].map(({ length }) => length);
}

test('shared tasks begin about every 2.5 s, or at two times of a shorter interval, others at any step', () => {
  const offsets = new Offsets('node-a', 20);
  for (let n = 0; n < 50; n++) {
    assert.ok([0, 3000, 5000, 8000].includes(offsets.take(task(`t${n}`)).ms));
    assert.ok([0, 3000].includes(offsets.take(task(`t${n}`, undefined, 5000)).ms));
    const lookup = offsets.take(task(`t${n}`, `server ${n}`, 5000)).ms;
    // Afterwards all places are full.
    if (n < 16) assert.ok([0, 1000, 3000, 4000].includes(lookup), `${lookup}`);
    assert.ok([0, 3000, 5000, 8000].includes(offsets.take(task(`t${n}`, undefined, 60_000)).ms % 10_000));
    assert.ok([0, 500].includes(offsets.take(task(`t${n}`, undefined, 1000)).ms));
  }
  const alone = Array.from({ length: 50 }, (_, n) => offsets.take({ ...task(`t${n}`), isShared: false }).ms);
  assert.ok(alone.every((ms) => ms % 20 === 0) && alone.some((ms) => ms % 1000 !== 0));
});

test('shared tasks without a group keep the place of their hash, however many there are', () => {
  const offsets = new Offsets('node-a', 20);
  const all = Array.from({ length: 200 }, (_, n) => offsets.take(task(`t${n}`)).ms);
  for (let n = 0; n < 200; n++) assert.equal(new Offsets('node-a', 20).take(task(`t${n}`)).ms, all[n]);
});

test('tasks of one group never begin together at a shared step; those that find none free begin at any step', () => {
  const offsets = new Offsets('node-a', 20);
  const all = Array.from({ length: 60 }, (_, n) => offsets.take(task(`t${n}`, 'server')).ms);
  assert.deepEqual(
    all.slice(0, 4).toSorted((a, b) => a - b),
    [0, 3000, 5000, 8000],
  );
  const others = all.slice(4);
  assert.ok(others.every((ms) => ms >= 0 && ms < 10_000 && ms % 20 === 0));
  assert.ok(others.some((ms) => ms % 1000 !== 0));
});

test('of a thousand tasks of many groups, at most four begin together because they are shared', () => {
  const offsets = new Offsets('node-a', 20);
  const all = Array.from({ length: 1000 }, (_, n) => offsets.take(task(`t${n}`, `server ${n % 100}`)).ms);
  assert.equal(Math.max(...counts(all.slice(0, 16))), 4);
  // Those that are not shared may begin there by their hash, as at any other step.
  assert.ok(Math.max(...counts(all)) <= 20, `${Math.max(...counts(all))}`);
});

test('tasks of different intervals do not take each other’s places', () => {
  const offsets = new Offsets('node-a', 20);
  for (let n = 0; n < 4; n++) assert.equal(offsets.take(task(`t${n}`, 'server')).ms % 1000, 0);
  for (let n = 0; n < 8; n++) assert.equal(offsets.take(task(`t${n}`, 'server', 20_000)).ms % 1000, 0);
});

test('whatever comes and goes, a group has a place once, and what is given back can be taken', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1 })), { maxLength: 200 }),
      fc.constantFrom(200, 1000, 10_000, 10_010),
      (steps, intervalMs) => {
        const offsets = new Offsets('node-a', 20);
        const held = new Map<string, { ms: number; release(): void; group: string }>();
        let isCrowded = false;
        for (const [slot, server] of steps) {
          const [key, group] = [`${slot} ${server}`, `server ${server}`];
          const known = held.get(key);
          if (known) {
            known.release();
            held.delete(key);
          } else held.set(key, { ...offsets.take(task(key, group, intervalMs)), group });
          const all = [...held.values()];
          assert.ok(all.every(({ ms }) => ms >= 0 && ms < intervalMs));
          // All have found a place if they are so few.
          isCrowded ||= all.length > 4;
          if (isCrowded) continue;
          const places = all.map(({ ms, group: of }) => `${ms} ${of}`);
          assert.equal(new Set(places).size, places.length);
        }
        for (const { release } of held.values()) release();
        const again = new Offsets('node-a', 20);
        for (let n = 0; n < 10; n++)
          assert.equal(
            offsets.take(task(`t${n}`, 'server', intervalMs)).ms,
            again.take(task(`t${n}`, 'server', intervalMs)).ms,
          );
      },
    ),
    { numRuns: 100 },
  );
});
