import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitLines } from '../../../../src/operator/kube/watch-lines.ts';

async function linesOf(chunks: Buffer[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(
    (async function* () {
      yield* chunks;
    })(),
  ))
    lines.push(line);
  return lines;
}

test('wherever the stream is cut into pieces, the lines are the same', async () => {
  const line = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => !text.includes('\n') && text.trim() !== '');
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 10 }),
      async (lines, cuts) => {
        const whole = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
        const chunks = places.slice(1).map((end, index) => whole.subarray(places[index], end));
        assert.deepEqual(await linesOf(chunks), lines);
      },
    ),
  );
});

test('a line that was cut off is dropped', async () => {
  assert.deepEqual(await linesOf([Buffer.from('{"a":1}\n{"b"')]), ['{"a":1}']);
});

test('a line without an end is refused before it fills the memory', async () => {
  const chunks = Array.from({ length: 9 }, () => Buffer.alloc(1024 * 1024, 'x'));
  await assert.rejects(linesOf(chunks), { code: 'Unexpected' });
});
