import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionAdmission } from '../../../src/listeners/connection-admission.ts';
import type { ConnectionLimits } from '../../../src/listeners/listener-limits.ts';
import { FakeClock } from '../fake-clock.ts';

/** A connection, by what a test calls it. */
interface Named {
  name: string;
}

class Door {
  readonly clock = new FakeClock();
  readonly admission: ConnectionAdmission<Named>;
  readonly #named = new Map<string, Named>();

  constructor(limits: Partial<ConnectionLimits> = {}) {
    this.admission = new ConnectionAdmission(
      { total: 8, perAddress: 4, reserve: 2, yieldMs: 0, ...limits },
      this.clock,
    );
  }

  /** @returns `in`, the name of the connection that made room, or why it is refused */
  admit(name: string, address = name[0]!): string {
    this.clock.advance(1);
    const connection = { name };
    const admission = this.admission.admit(connection, address);
    if (admission.refused !== undefined) return admission.refused;
    this.#named.set(name, connection);
    return admission.displaced?.name ?? 'in';
  }

  at(name: string): Named {
    return this.#named.get(name)!;
  }

  /** It sends a request and is answered. */
  use(name: string): void {
    this.clock.advance(1);
    this.admission.busy(this.at(name));
    this.admission.idle(this.at(name));
  }

  get held(): string[] {
    return [...this.admission.connections()].map(({ name }) => name).sort();
  }
}

test('an address at its limit replaces its own connection that has been idle longest', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) assert.equal(door.admit(name), 'in');
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'a2']) door.use(name);
  assert.deepEqual([door.admit('a5'), door.admit('a6')], ['a1', 'a5']);
  assert.deepEqual(door.held, ['a2', 'a3', 'a4', 'a6', 'b1']);
});

test('a connection that has sent nothing is replaced before one that has', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4']) door.admit(name);
  for (const name of ['a1', 'a2', 'a4']) door.use(name);
  assert.equal(door.admit('a5'), 'a3');
});

test('what the server works for is never replaced', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4']) {
    door.admit(name);
    door.admission.busy(door.at(name));
  }
  assert.equal(door.admit('a5'), 'address');
  door.admission.idle(door.at('a3'));
  assert.equal(door.admit('a6'), 'a3');
});

test('the reserve is for addresses that have none', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) assert.equal(door.admit(name), 'in');
  assert.deepEqual([door.admit('c1'), door.admit('d1')], ['in', 'in']);
});

test('an address that has some takes from one that has more, never from one that has fewer', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) assert.equal(door.admit(name), 'in');
  assert.deepEqual([door.admit('b3'), door.admit('b4')], ['a1', 'b1']);
  assert.deepEqual(
    door.held,
    ['a2', 'a3', 'a4', 'b2', 'b3', 'b4'],
    'b has room of its own, but only the reserve is left',
  );
});

test('an address that has none gets in even when the reserve is used up: the largest gives way', () => {
  const door = new Door();
  for (const name of ['a1', 'b1', 'b2', 'b3', 'c1', 'c2', 'd1', 'e1']) assert.equal(door.admit(name), 'in');
  for (const name of ['b1', 'b2', 'b3', 'a1']) door.use(name);
  assert.deepEqual([door.admit('f1'), door.admit('g1')], ['b1', 'c1']);
});

test('among addresses with one connection each, the one that has been idle longest gives way', () => {
  const door = new Door({ total: 3, reserve: 0 });
  for (const name of ['a1', 'b1', 'c1']) {
    door.admit(name);
    door.use(name);
  }
  door.use('a1');
  assert.deepEqual([door.admit('d1'), door.admit('e1')], ['b1', 'c1']);
});

test('where the largest has only busy ones, another address gives way', () => {
  const door = new Door({ total: 3, reserve: 0 });
  for (const name of ['a1', 'a2', 'b1']) door.admit(name);
  for (const name of ['a1', 'a2']) door.admission.busy(door.at(name));
  assert.equal(door.admit('c1'), 'b1');
});

test('where all are busy, a new address is refused', () => {
  const door = new Door({ total: 2, perAddress: 2, reserve: 0 });
  for (const name of ['a1', 'a2']) {
    door.admit(name);
    door.admission.busy(door.at(name));
  }
  assert.equal(door.admit('b1'), 'limit');
});

test('a client that has sent something yields only after a while, one that has not at once', () => {
  const door = new Door({ yieldMs: 2000 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) door.admit(name);
  for (const name of ['a1', 'a2', 'a3']) door.use(name);
  assert.deepEqual([door.admit('a5'), door.admit('a6')], ['a4', 'a5']);
  door.use('a6');
  assert.equal(door.admit('a7'), 'address');
  door.clock.advance(2000);
  assert.equal(door.admit('a8'), 'a1');
});

test('what has ended or authenticated makes room, and is not counted twice', () => {
  const door = new Door();
  for (const name of ['a1', 'a2', 'a3', 'a4']) door.admit(name);
  assert.ok(door.admission.release(door.at('a2')));
  assert.ok(!door.admission.release(door.at('a2')));
  assert.equal(door.admit('a5'), 'in');
  for (const name of door.held) door.admission.release(door.at(name));
  assert.deepEqual([door.admission.size, door.admission.addresses], [0, 0]);
});

test('256 idle connections of one address and 64 of each of four others leave room for anyone else', () => {
  const door = new Door({ total: 256, perAddress: 32, reserve: 32 });
  for (const [address, count] of Object.entries({ a: 256, b: 64, c: 64, d: 64, e: 64 }))
    for (let n = 0; n < count; n++) {
      door.admit(`${address}${n}`, address);
      if (n % 2 === 0) door.use(`${address}${n}`);
    }
  assert.equal(door.admission.size, 5 * 32);
  assert.equal(door.admit('kubelet'), 'in');
  for (let n = 0; n < 200; n++) door.admit(`x${n}`, `10.0.0.${n}`);
  assert.ok(door.held.includes('kubelet'), 'addresses with one connection each do not push each other out');
  assert.equal(door.admission.size, 256);
});

test('whatever happens, the limits hold, and an address that has none is refused only while all are busy', () => {
  const address = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('admit' as const), address }) },
    fc.record({ kind: fc.constantFrom('busy' as const, 'idle' as const, 'release' as const), at: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const { admission, clock } = new Door();
      const open = new Map<Named, string>();
      const busy = new Set<Named>();
      for (const event of events) {
        clock.advance(1);
        if (event.kind === 'admit') {
          const connection = { name: event.address };
          const had = [...open.values()].filter((other) => other === event.address).length;
          const admitted = admission.admit(connection, event.address);
          if (admitted.refused !== undefined) {
            assert.ok(had > 0 || admission.size === 8);
            for (const other of open.keys()) assert.ok(busy.has(other) || had > 0);
            continue;
          }
          if (admitted.displaced) assert.ok(open.delete(admitted.displaced) && !busy.has(admitted.displaced));
          open.set(connection, event.address);
        } else {
          const connection = [...open.keys()][event.at % Math.max(1, open.size)];
          if (!connection) continue;
          admission[event.kind](connection);
          if (event.kind === 'busy') busy.add(connection);
          else busy.delete(connection);
          if (event.kind === 'release') open.delete(connection);
        }
        assert.equal(admission.size, open.size);
        assert.equal(admission.addresses, new Set(open.values()).size);
        assert.ok(admission.size <= 8);
        for (const own of Map.groupBy(open.values(), (value) => value).values()) assert.ok(own.length <= 4);
      }
    }),
  );
});
