import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitLines } from '../../../../src/operator/kube/watch-lines.ts';

async function linesOf(chunks: Buffer[]): Promise<(string | undefined)[]> {
  const lines: (string | undefined)[] = [];
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

const megabyte = Buffer.alloc(1024 * 1024, 'x');

test('a line that is too long is skipped, and those after it are read', async () => {
  const long = Array.from({ length: 17 }, () => megabyte);
  const chunks = [Buffer.from('{"a":1}\n'), ...long, Buffer.from('x\n{"b":2}\n{"c"'), Buffer.from(':3}\n')];
  assert.deepEqual(await linesOf(chunks), ['{"a":1}', undefined, '{"b":2}', '{"c":3}']);
});

test('a line without an end is refused', async () => {
  await assert.rejects(linesOf(Array.from({ length: 65 }, () => megabyte)), { code: 'Unexpected' });
});
