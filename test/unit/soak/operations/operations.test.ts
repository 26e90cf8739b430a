import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rounds } from '../../../../soak/operations/choice.ts';
import { failing, slow } from '../../../../soak/operations/surroundings.ts';
import { operations } from '../../../../soak/operations.ts';
import { Random } from '../../../../soak/random.ts';
import { corefile } from '../../../cluster/coredns.ts';

test('every kind of operation has a name of its own', () => {
  const names = operations.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 50);
});

test('every kind comes once in each round, in another order each time, and the same for the same seed', () => {
  const items = Array.from({ length: 20 }, (_, n) => n);
  const rounds = new Rounds(items, new Random(5));
  const draw = () => items.map(() => rounds.next());
  const [first, second] = [draw(), draw()];
  assert.deepEqual(
    first.toSorted((a, b) => a - b),
    items,
  );
  assert.deepEqual(
    second.toSorted((a, b) => a - b),
    items,
  );
  assert.notDeepEqual(first, second);
  const again = new Rounds(items, new Random(5));
  assert.deepEqual(
    items.map(() => again.next()),
    first,
  );
  assert.throws(() => new Rounds([], new Random(1)), RangeError);
});

test('CoreDNS is configured to fail and to be slow by what its Corefile has', () => {
  const usual = corefile({ ipFamily: 'ipv4' });
  assert.match(failing(usual), /^ {4}template ANY ANY \{\n {4} {4}rcode SERVFAIL\n {4}\}\n {4}kubernetes /m);
  assert.equal(failing(usual).split('template').length, 2);
  const erratic = slow(usual);
  assert.match(erratic, /^\.:53 \{\n {4}errors\n {4}ready\n {4}reload\n/);
  assert.match(erratic, /delay 2 700ms/);
  const usualServer = erratic.slice(0, erratic.indexOf('.:5300'));
  assert.match(usualServer, /forward \. 127\.0\.0\.1:5300/);
  assert.doesNotMatch(usualServer, /erratic/);
  assert.doesNotMatch(erratic, /kubernetes/);
});
