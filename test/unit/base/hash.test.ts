import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hash32, hashFraction, hashPair } from '../../../src/base/hash.ts';

test('a hash is the same on every machine', () => {
  // Computed apart from this code, from the definitions of FNV-1a and of MurmurHash3's finaliser.
  assert.equal(hash32(''), 0xab3e7c0b);
  assert.equal(hash32('net-exporter'), 0x731001b2);
  assert.equal(hash32('net-exporter', 7), 0x18e6dcc1);
  assert.deepEqual([hashPair(1, 2), hashPair(2, 1)], [0x800a4b40, 0x6ad75736]);
});

test('texts that differ in one digit spread over the whole range', () => {
  const tenths = new Array<number>(10).fill(0);
  for (let n = 0; n < 10_000; n++) {
    const fraction = hashFraction(`node-a 10.0.${n >> 8}.${n & 255}`);
    assert.ok(fraction >= 0 && fraction < 1);
    tenths[Math.floor(fraction * 10)]! += 1;
  }
  assert.ok(Math.min(...tenths) > 900 && Math.max(...tenths) < 1100, `${tenths}`);
});
