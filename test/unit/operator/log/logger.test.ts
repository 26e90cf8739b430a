import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';

function lineOf(fields: object): Record<string, unknown> {
  const lines: string[] = [];
  operatorLogger('info', { write: (line) => lines.push(line) }).warn(fields, 'a fact');
  assert.equal(lines.length, 1);
  return JSON.parse(lines[0]!);
}

test('a fact is one line of JSON with its level as a word and its time', () => {
  const { level, time, msg, key } = lineOf({ key: 'n/a' });
  assert.deepEqual([level, msg, key], ['warn', 'a fact', 'n/a']);
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('an answer of the API server is told by its code and words, every other error with its stack', () => {
  assert.deepEqual(lineOf({ err: new ApiError('Forbidden', 'no', { status: 403 }) }).err, {
    code: 'Forbidden',
    status: 403,
    message: 'no',
  });
  assert.match((lineOf({ err: new TypeError('oops') }).err as { stack: string }).stack, /TypeError: oops/);
});
