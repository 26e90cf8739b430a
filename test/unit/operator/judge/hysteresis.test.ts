import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hysteresis, type Sighting } from '../../../../src/operator/judge/hysteresis.ts';

const clear: Sighting = {
  ...{ key: 'Node a', score: 50, rateNow: 0.9 },
  ...{ isMixed: false, isFading: false, isPath: false, isZonePair: false },
};
const weak: Sighting = { ...clear, score: 9 };

/** Updates every 5 s. @returns the seconds after the first one at which something changed */
function changes(hysteresis: Hysteresis, sightings: (Sighting | undefined)[], from = 0, isBlind = false): string[] {
  return sightings.flatMap((sighting, index) => {
    const { raised, cleared } = hysteresis.update(sighting ? [sighting] : [], from + index * 5000, isBlind);
    return [
      ...raised.map((key) => `${index * 5} raised ${key}`),
      ...cleared.map((key) => `${index * 5} cleared ${key}`),
    ];
  });
}

const repeat = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test('raises a clear finding after 10 s, and any other after 20 s', () => {
  assert.deepEqual(changes(new Hysteresis(), repeat(6, clear)), ['10 raised Node a']);
  assert.deepEqual(changes(new Hysteresis(), repeat(6, weak)), ['20 raised Node a']);
  assert.deepEqual(changes(new Hysteresis(), repeat(6, { ...clear, rateNow: 0.4 })), ['20 raised Node a']);
});

test('raises losses between two zones after 10 s if many attempts speak for them', () => {
  const lossy = { ...clear, rateNow: 0.3, isZonePair: true };
  assert.deepEqual(changes(new Hysteresis(), repeat(6, { ...lossy, score: 21 })), ['10 raised Node a']);
  assert.deepEqual(changes(new Hysteresis(), repeat(6, { ...lossy, score: 19 })), ['20 raised Node a']);
});

test('a short gap is none, and a long one begins the time anew', () => {
  const raisedAfter = (gap: number, finding: Sighting) =>
    changes(new Hysteresis(), [finding, ...repeat(gap, undefined), ...repeat(5, finding)]);
  assert.deepEqual(raisedAfter(1, clear), ['10 raised Node a']);
  assert.deepEqual(raisedAfter(5, clear), ['30 raised Node a']);
  assert.deepEqual(raisedAfter(7, clear), ['50 raised Node a']);
  const path = { ...clear, isPath: true };
  assert.deepEqual(raisedAfter(1, path), ['10 raised Node a']);
  assert.deepEqual(raisedAfter(3, path), ['30 raised Node a']);
});

test('does not raise what may be several narrower ones', () => {
  assert.deepEqual(changes(new Hysteresis(), repeat(20, { ...clear, isMixed: true })), []);
});

test('clears after 30 s without a sighting', () => {
  const found = [...repeat(3, clear), ...repeat(5, undefined), clear, ...repeat(10, undefined)];
  assert.deepEqual(changes(new Hysteresis(), found), ['10 raised Node a', '70 cleared Node a']);
});

test('clears nothing while too few agents report', () => {
  const hysteresis = new Hysteresis();
  changes(hysteresis, repeat(3, clear));
  assert.deepEqual(changes(hysteresis, repeat(50, undefined), 15_000, true), []);
  assert.deepEqual(changes(hysteresis, repeat(8, undefined), 265_000), ['25 cleared Node a']);
});

test('keeps adopted suspects for a window', () => {
  const hysteresis = new Hysteresis();
  hysteresis.adopt(['Node a'], 0, 120_000);
  assert.deepEqual([...hysteresis.raised], ['Node a']);
  assert.deepEqual(changes(hysteresis, repeat(40, undefined)), ['120 cleared Node a']);
});

test('the time in which a finding was several narrower ones does not count', () => {
  const found = [...repeat(8, { ...clear, isMixed: true }), ...repeat(3, clear)];
  assert.deepEqual(changes(new Hysteresis(), found), ['45 raised Node a']);
});

test('a path that loses some packets is raised after 75 s, and one that loses most as soon as anything else', () => {
  const path = { ...weak, isPath: true };
  assert.deepEqual(changes(new Hysteresis(), repeat(20, { ...path, rateNow: 0.4 })), ['75 raised Node a']);
  assert.deepEqual(changes(new Hysteresis(), repeat(12, path)), ['20 raised Node a']);
});

test('what is about to end is not raised any more, and not cleared for that', () => {
  const fading = { ...clear, isFading: true };
  assert.deepEqual(changes(new Hysteresis(), [clear, clear, ...repeat(20, fading)]), []);
  assert.deepEqual(changes(new Hysteresis(), [...repeat(3, clear), ...repeat(20, fading)]), ['10 raised Node a']);
});
