import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { candidateNames } from '../../../../src/agent/probes/dns-names.ts';

const pod = { search: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 };

describe('candidateNames', () => {
  it('asks for a name that ends in a dot as it is', () => {
    assert.deepEqual(candidateNames('kubernetes.default.svc.cluster.local.', pod), [
      'kubernetes.default.svc.cluster.local',
    ]);
    assert.deepEqual(candidateNames('kubernetes.', pod), ['kubernetes']);
  });

  it('tries the search list first and the name itself last when it has few dots', () => {
    assert.deepEqual(candidateNames('api.example.com', pod), [
      'api.example.com.ns.svc.cluster.local',
      'api.example.com.svc.cluster.local',
      'api.example.com.cluster.local',
      'api.example.com',
    ]);
  });

  it('tries the name itself first when it has ndots dots', () => {
    assert.deepEqual(candidateNames('a.b', { search: ['x'], ndots: 1 }), ['a.b', 'a.b.x']);
    assert.deepEqual(candidateNames('a', { search: ['x'], ndots: 0 }), ['a', 'a.x']);
  });

  it('has but the name itself without a search list', () => {
    assert.deepEqual(candidateNames('a', { search: [], ndots: 1 }), ['a']);
  });

  it('takes the root in a search list for the name itself, and asks for nothing twice', () => {
    assert.deepEqual(candidateNames('a', { search: ['.', 'x', 'x'], ndots: 1 }), ['a', 'a.x']);
  });

  it('asks for the root', () => {
    assert.deepEqual(candidateNames('.', pod), ['']);
  });

  it('leaves out what is too long with a search domain', () => {
    const label = 'a'.repeat(63);
    const name = [label, label, label, 'a'.repeat(61)].join('.');
    assert.equal(name.length, 253);
    assert.deepEqual(candidateNames(name, pod), [name]);
  });

  for (const name of ['', '..', 'a..b.', '.a.', `${'a'.repeat(64)}.`, `${'a.'.repeat(127)}a.`])
    it(`cannot ask for "${name.slice(0, 12)}" (${name.length} characters)`, () => {
      assert.throws(() => candidateNames(name, pod), { code: 'InvalidDnsName' });
    });

  it('gives only names whose labels have 1 to 63 octets and that fit in 255', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.array(fc.domain()),
        fc.nat(15),
        (name, search, ndots) => {
          let names: string[];
          try {
            names = candidateNames(name, { search, ndots });
          } catch (error) {
            return (error as { code?: string }).code === 'InvalidDnsName';
          }
          return names.every(
            (candidate) =>
              candidate === '' ||
              (Buffer.byteLength(candidate) <= 253 &&
                candidate.split('.').every((label) => label !== '' && Buffer.byteLength(label) <= 63)),
          );
        },
      ),
    );
  });
});
