import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../../../src/base/durations.ts';

test('a duration is the sum of its parts, in milliseconds', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['0s', 0],
  ] as const)
    assert.equal(parseDuration(text), ms);
});

test('what is not a duration is refused with an example of one', () => {
  for (const text of ['', '10', 's', '-1s', '1.5s', '10 s', '1d', '10sx', '1000h'])
    assert.throws(() => parseDuration(text), { name: 'RangeError', message: /use for example 10s/ });
});
