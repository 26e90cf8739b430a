import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastWords } from '../../../../src/operator/agents/last-words.ts';

const time = '2026-11-30T07:50:50.634Z';
const line = (level: string, msg: string, fields = {}) => JSON.stringify({ time, level, msg, ...fields });

for (const [what, message, expected] of [
  ['nothing', undefined, ''],
  ['a sentence', 'bad settings\n', 'bad settings'],
  ['lines', 'TypeError: x\n    at y\n\n', 'TypeError: x at y'],
  ['a time', `${time} bad settings`, 'bad settings'],
  [
    'an error among others',
    [line('info', 'a'), line('error', 'b', { reason: 'TypeError: c' })].join('\n'),
    'b: TypeError: c',
  ],
  ['an error before others', [line('error', 'b'), line('info', 'a')].join('\n'), 'b'],
  ['only what is no error', [line('info', 'a'), line('info', 'b')].join('\n'), ''],
  ['the rest of a line', `ets":13}\n${line('info', 'a')}`.padStart(2048, 'x'), ''],
  ['the rest of a line in other letters', `${'ж'.repeat(1000)}"}\n${line('info', 'a')}`, ''],
  [
    'words of V8 after a log',
    `${line('info', 'a')}\nFATAL ERROR: heap out of memory`,
    'FATAL ERROR: heap out of memory',
  ],
  [
    'words of V8 after a warning',
    `${line('warn', 'cannot sync')}\n${line('info', 'a')}\nFATAL ERROR: heap out of memory`,
    'FATAL ERROR: heap out of memory',
  ],
  ['an error before a warning', [line('error', 'b'), line('warn', 'c')].join('\n'), 'b'],
  ['a line that is cut off', `${line('info', 'a')}\n{"time":"2026-11-30T07:5`, ''],
  ['a log of somebody else', '{"severity":"ERROR"}', '{"severity":"ERROR"}'],
] as const)
  test(`of ${what}, ${expected === '' ? 'nothing' : `"${expected}"`} is quoted`, () => {
    assert.equal(lastWords(message), expected);
  });

test('of a long text the end is quoted', () => {
  const words = lastWords(`${'x'.repeat(500)} the end`);
  assert.match(words, /^…x+ the end$/);
  assert.ok(words.length <= 201);
});
