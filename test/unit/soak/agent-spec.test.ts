import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomSpec } from '../../../soak/agent-spec.ts';
import { Random } from '../../../soak/random.ts';

const surroundings = { servers: ['10.0.0.1', '10.0.0.2'], deafServers: ['10.0.0.3', '10.0.0.4'] };
const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const spec = (from: number) => randomSpec(new Random(from), surroundings);

test('the same seed gives the same spec', () => {
  fc.assert(fc.property(seed, (from) => assert.deepEqual(spec(from), spec(from))));
});

test('every field takes more than one value', () => {
  const seen = new Map<string, Set<string>>();
  for (let from = 0; from < 200; from++)
    for (const [part, fields] of Object.entries(spec(from)) as [string, Record<string, unknown>][])
      for (const [field, value] of Object.entries(fields)) {
        const name = `${part}.${field}`;
        seen.set(name, (seen.get(name) ?? new Set()).add(JSON.stringify(value)));
      }
  for (const [name, values] of seen) assert.ok(values.size > 1, name);
});
