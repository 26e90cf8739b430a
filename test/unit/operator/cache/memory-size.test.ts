import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memorySize } from '../../../../src/operator/cache/memory-size.ts';
import { heapUsed } from '../heap.ts';

/** JSON of different shapes; some take a multiple of their text in memory. */
const shapes: Record<string, string> = {
  'a long text': JSON.stringify({ text: 'x'.repeat(500_000) }),
  'empty lists': `[${'[],'.repeat(20_000)}[]]`,
  'empty objects': `[${'{},'.repeat(20_000)}{}]`,
  'many fields': JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f:field-${n}`, {}]))),
  'node names': JSON.stringify(Array.from({ length: 10_000 }, (_, n) => `node-${n}`)),
  'deep nesting': '['.repeat(5000) + ']'.repeat(5000),
};

for (const [shape, text] of Object.entries(shapes))
  test(`the estimated size of ${shape} is no less than two thirds of the memory in use`, () => {
    const before = heapUsed();
    const kept = Array.from({ length: 10 }, () => JSON.parse(text));
    const used = (heapUsed() - before) / kept.length;
    const estimated = memorySize(kept[0]);
    assert.ok(estimated > used / 1.5, `${estimated} of ${used} bytes`);
  });

test('the rest of a value that is too large is not looked at', () => {
  let looked = 0;
  const item = {
    get field() {
      looked++;
      return 'x'.repeat(100);
    },
  };
  assert.ok(memorySize(Array(1000).fill(item), 20_000) > 20_000);
  assert.ok(looked < 200, `${looked}`);
});
