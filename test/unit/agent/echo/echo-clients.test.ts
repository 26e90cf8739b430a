import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EchoClients } from '../../../../src/agent/echo/echo-clients.ts';
import { type EchoLimits, echoLimits } from '../../../../src/listeners/listener-limits.ts';
import { FakeClock } from '../../fake-clock.ts';

const from = (name: string, sequence = 0, turn = 1) => ({ prober: Buffer.from(name.padEnd(8)), turn, sequence });

function newClients(limits: Partial<EchoLimits> = {}) {
  const clock = new FakeClock();
  return { clock, clients: new EchoClients({ ...echoLimits, ...limits }, clock) };
}

const received = (answer: ReturnType<EchoClients['take']>) => (typeof answer === 'string' ? answer : answer.received);

test('an address that sends too fast is refused, and others are not', () => {
  const { clients, clock } = newClients({ perAddress: { perSecond: 10, burst: 5 } });
  const flood = Array.from({ length: 50 }, () => received(clients.take(from('flood'), '10.0.0.1')));
  assert.deepEqual(new Set(flood.slice(5)), new Set(['address']));
  assert.equal(received(clients.take(from('peer'), '10.0.0.2')), 1);
  clock.advance(1000);
  assert.equal(received(clients.take(from('flood', 1), '10.0.0.1')), 2);
});

test('floods from many addresses leave the reserve to quiet ones', () => {
  const { clients, clock } = newClients();
  const lost: unknown[] = [];
  // Forty addresses send as fast as they can; a peer's agent sends its ten packets a second.
  for (let ms = 0; ms < 3000; ms += 10) {
    clock.advance(10);
    for (let flooder = 0; flooder < 40; flooder++)
      for (let n = 0; n < 12; n++) clients.take(from(`flood${flooder}`, n), `10.0.1.${flooder}`);
    if (ms % 100 !== 0) continue;
    const answer = clients.take(from('peer', 0, ms), '10.0.0.2');
    if (typeof answer === 'string') lost.push(answer);
  }
  assert.deepEqual(lost, []);
});

test('in all no more is answered than the total rate allows', () => {
  const { clients, clock } = newClients();
  let answered = 0;
  for (let ms = 0; ms < 3000; ms += 10) {
    clock.advance(10);
    for (let address = 0; address < 60; address++)
      if (typeof clients.take(from('p', 0, ms), `10.0.1.${address}`) !== 'string') answered++;
  }
  const { perSecond, burst } = echoLimits.total;
  assert.ok(answered <= perSecond * 3 + burst && answered > perSecond * 2.9, `${answered}`);
});

test('a request that came too fast counts as received, but gets no memory for a new prober', () => {
  const { clients, clock } = newClients({ perAddress: { perSecond: 1, burst: 1 } });
  const counts = [0, 1, 2].map((sequence) => received(clients.take(from('a', sequence), '10.0.0.1')));
  assert.deepEqual(counts, [1, 'address', 'address']);
  assert.equal(received(clients.take(from('b'), '10.0.0.1')), 'address');
  assert.equal(clients.probers, 1);
  clock.advance(1000);
  assert.equal(received(clients.take(from('a', 3), '10.0.0.1')), 4);
});

test('an address with ever new probers forgets its own, and the counts of others stay', () => {
  const { clients, clock } = newClients({ probers: 20 });
  for (let peer = 0; peer < 10; peer++) clients.take(from('peer'), `10.0.0.${peer}`);
  for (let n = 0; n < 1000; n++) {
    clock.advance(10);
    clients.take(from(`f${n}`), '10.0.1.1');
  }
  assert.equal(clients.probers, 20);
  for (let peer = 0; peer < 10; peer++) assert.equal(received(clients.take(from('peer', 1), `10.0.0.${peer}`)), 2);
});

test('among addresses with one prober each, the one that has been silent longest is forgotten', () => {
  const { clients } = newClients({ probers: 3 });
  for (const peer of [1, 2, 3, 1, 4]) clients.take(from('peer', peer), `10.0.0.${peer}`);
  const counts = [1, 3, 4].map((peer) => received(clients.take(from('peer', 9), `10.0.0.${peer}`)));
  assert.deepEqual(counts, [2, 2, 2]);
  assert.equal(received(clients.take(from('peer', 9), '10.0.0.2')), 1);
});

test('however many addresses and probers there are, no more are remembered than fit', () => {
  const client = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 }));
  fc.assert(
    fc.property(fc.array(client, { maxLength: 300 }), (requests) => {
      const { clients, clock } = newClients({ probers: 16 });
      for (const [address, prober] of requests) {
        clock.advance(1);
        clients.take(from(`p${prober}`), `10.0.0.${address}`);
        assert.ok(clients.probers <= 16);
      }
    }),
  );
});
