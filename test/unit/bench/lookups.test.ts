import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DnsDatagram, lookups } from '../../../bench/lookups.ts';

const own = '10.0.0.1';
const server = '10.96.0.10';

function question(at: number, more: Partial<DnsDatagram> = {}): DnsDatagram {
  const ports = { source: own, sourcePort: 40_000, destination: server, destinationPort: 53 };
  return { at, ...ports, id: 7, response: false, name: 'example.com', ...more };
}

function answer(at: number, more: Partial<DnsDatagram> = {}): DnsDatagram {
  const ports = { source: server, sourcePort: 53, destination: own, destinationPort: 40_000 };
  return { at, ...ports, id: 7, response: true, name: 'example.com', ...more };
}

describe('lookups', () => {
  it('last from the question to its answer', () => {
    const found = lookups([question(10), answer(10.25)], own);
    assert.deepEqual(found, [{ name: 'example.com', answeredAt: 10.25, seconds: 0.25 }]);
  });

  it('without an answer are left out', () => {
    assert.deepEqual(lookups([question(10)], own), []);
  });

  it('are not answered by another id, port, server or name, nor twice', () => {
    for (const wrong of [{ id: 8 }, { destinationPort: 40_001 }, { source: '10.96.0.11' }, { name: 'example.org' }])
      assert.deepEqual(lookups([question(10), answer(10.25, wrong)], own), [], JSON.stringify(wrong));
    assert.equal(lookups([question(10), answer(10.25), answer(10.5)], own).length, 1);
  });

  it('overlap', () => {
    const other = { id: 8, name: 'example.org' };
    const found = lookups([question(10), question(11, other), answer(12, other), answer(13)], own);
    assert.deepEqual(
      found.map(({ name, seconds }) => [name, seconds]),
      [
        ['example.org', 1],
        ['example.com', 3],
      ],
    );
  });
});
