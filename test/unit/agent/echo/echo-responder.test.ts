import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { encodeEchoRequest, maxEchoBytes, readEchoAnswer } from '../../../../src/agent/echo/echo-message.ts';
import { FakeClock } from '../../fake-clock.ts';
import { eventually } from '../eventually.ts';
import { type EchoPeer, startEchoPeer } from '../servers/echo-peer.ts';
import { encodeRequest1, readAnswer1 } from '../servers/echo-version-1.ts';
import { kernel, openDescriptors } from '../servers/probe-context.ts';

const prober = Buffer.from('prober-1');
const request = (sequence = 0, turn = 1, size = 64) => encodeEchoRequest({ sequence, turn, prober }, size);

/** Someone who sends to a port of loopback, and what came back to him. */
async function startClient(port: number, host = '127.0.0.1') {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const received: Buffer[] = [];
  socket.on('message', (message) => received.push(message));
  socket.connect(port, host);
  await once(socket, 'connect');
  return {
    received,
    send: (message: Uint8Array) =>
      new Promise<void>((sent, failed) => socket.send(message, (error) => (error ? failed(error) : sent()))),
    port: socket.address().port,
    [Symbol.dispose]: () => void socket.close(),
  };
}

/** Sends a request that is surely answered and waits for that, so that everything before it has been dealt with. */
async function flush(client: Awaited<ReturnType<typeof startClient>>): Promise<void> {
  const last = request(0, 1, 33);
  await client.send(last);
  await eventually(
    () => client.received.some((message) => readEchoAnswer(message, last)),
    () => 'no answer to the last request',
  );
}

/** Waits, without a pause between two looks, until so many datagrams were answered or dropped. */
async function dealtWith(peer: EchoPeer, count: number): Promise<void> {
  const end = performance.now() + 20_000;
  while (peer.answered + peer.dropped.length < count) {
    assert.ok(performance.now() < end, `${peer.answered} answered, ${peer.dropped.length} dropped of ${count}`);
    await setImmediate();
  }
}

describe('EchoResponder', () => {
  for (const host of ['127.0.0.1', '::1'])
    it(`sends a request back to ${host} in as many octets, with a receipt`, async () => {
      using peer = await startEchoPeer([host]);
      using client = await startClient(peer.port, host);
      const sent = [request(0), request(1, 1, 32), request(2, 1, maxEchoBytes)];
      for (const message of sent) await client.send(message);
      await eventually(
        () => client.received.length === 3,
        () => `${client.received.length} answers`,
      );
      const receipts = sent.map((message, index) => readEchoAnswer(client.received[index]!, message));
      assert.deepEqual(
        receipts.map((answer) => answer?.receipt.received),
        [1, 2, 3],
      );
      assert.equal(new Set(receipts.map((answer) => answer?.receipt.counting)).size, 1);
      assert.deepEqual([peer.answered, peer.dropped], [3, []]);
    });

  for (const given of [kernel, 'none'] as const)
    it(`says how long a request waited, if it can (${given === 'none' ? 'without the kernel' : 'kernel'})`, async () => {
      for (const addresses of [['127.0.0.1'], []]) {
        using peer = await startEchoPeer(addresses, { kernel: given });
        using client = await startClient(peer.port);
        const sent = request(0);
        await client.send(sent);
        // The request waits meanwhile: this is the only thread.
        const waitedMs = 20;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitedMs);
        await eventually(
          () => client.received.length === 1,
          () => 'no answer',
        );
        const { dwellNs, version } = readEchoAnswer(client.received[0]!, sent)!;
        assert.equal(version, 2);
        if (given === 'none') assert.deepEqual([dwellNs, peer.dwells], [undefined, [undefined]]);
        else {
          assert.ok(dwellNs! >= (waitedMs - 1) * 1e6 && dwellNs! < 4e9, `${dwellNs}`);
          const until = dwellNs! / 1e9 - peer.dwells[0]!;
          assert.ok(until >= 0 && until <= 0.1, `sent ${until} s after the dwell was read`);
        }
      }
    });

  it('says of each of many requests that wait together how long it waited itself', async () => {
    using peer = await startEchoPeer();
    using client = await startClient(peer.port);
    const sent = Array.from({ length: 6 }, (_, sequence) => request(sequence));
    for (const message of sent) {
      await client.send(message);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
    await eventually(
      () => client.received.length === sent.length,
      () => `${client.received.length} answers`,
    );
    const dwells = sent.map((message) => {
      const answers = client.received.map((answer) => readEchoAnswer(answer, message));
      return answers.find((answer) => answer !== undefined)!.dwellNs!;
    });
    for (const [index, dwell] of dwells.entries())
      assert.ok(dwell > 4e6 && (index === 0 || dwell < dwells[index - 1]! + 20e6), `${dwells}`);
  });

  it('answers agents of version 1 as they expect', async () => {
    using peer = await startEchoPeer();
    using client = await startClient(peer.port);
    const sent = encodeRequest1({ sequence: 3, turn: 9n, prober }, 64);
    await client.send(sent);
    await eventually(
      () => client.received.length === 1,
      () => 'no answer',
    );
    assert.equal(readAnswer1(client.received[0]!, sent)?.received, 1);
  });

  it('listens on IPv4 and IPv6 where no address is given', async () => {
    using peer = await startEchoPeer([]);
    for (const host of ['127.0.0.1', '::1']) {
      using client = await startClient(peer.port, host);
      await flush(client);
    }
    assert.deepEqual(peer.listening, ['::']);
  });

  it('answers from the address that was asked', async () => {
    using first = await startEchoPeer(['127.0.0.2']);
    using second = await startEchoPeer(['127.0.0.3', '127.0.0.4'], { port: first.port });
    assert.deepEqual(second.listening, ['127.0.0.3', '127.0.0.4']);
    for (const host of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
      // A connected socket hears that address only.
      using client = await startClient(first.port, host);
      await flush(client);
    }
    assert.deepEqual([first.answered, second.answered], [1, 2]);
  });

  it('answers no answer, so that two of its kind never keep each other busy', async () => {
    using peer = await startEchoPeer();
    using client = await startClient(peer.port);
    await client.send(request());
    await eventually(
      () => client.received.length === 1,
      () => 'no answer',
    );
    await client.send(client.received[0]!);
    await flush(client);
    assert.equal(client.received.length, 2);
    assert.deepEqual(peer.dropped, ['foreign']);
  });

  it('answers nothing to octets at random and to requests that are not quite ours, and goes on', async () => {
    using peer = await startEchoPeer();
    using client = await startClient(peer.port);
    const almost = fc
      .record({ at: fc.integer({ min: 0, max: 63 }), xor: fc.integer({ min: 1, max: 255 }) })
      .map(({ at, xor }) => {
        const message = request(3, 7);
        message[at]! ^= xor;
        return message as Uint8Array;
      });
    let sent = 0;
    let octets = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 2000 }), almost), async (message) => {
        await client.send(message);
        sent++;
        octets += message.length;
        // One after another: what a full queue loses is not what this is about.
        await dealtWith(peer, sent);
      }),
      { numRuns: 300 },
    );
    await flush(client);
    assert.equal(peer.answered + peer.dropped.length, sent + 1, 'each is dealt with once');
    assert.ok(client.received.length === peer.answered && peer.dropped.length > 150);
    assert.ok(client.received.reduce((sum, { length }) => sum + length, 0) <= octets + 33);
    for (const message of client.received) assert.ok(message.length <= 64);
  });

  it('answers no more than its rate allows, counts the rest, and goes on when time has passed', async () => {
    const clock = new FakeClock();
    using peer = await startEchoPeer(['127.0.0.1'], {
      clock,
      limits: { total: { perSecond: 10, burst: 5 }, reserve: 0 },
    });
    using client = await startClient(peer.port);
    const ask = async (count: number) => {
      const before = peer.answered + peer.dropped.length;
      for (let n = 0; n < count; n++) await client.send(request(n % 32, n));
      await eventually(
        () => peer.answered + peer.dropped.length === before + count,
        () => `${peer.answered} answered, ${peer.dropped.length} dropped`,
      );
    };
    await ask(30);
    assert.deepEqual([peer.answered, peer.dropped], [5, Array(25).fill('rate')]);
    clock.stall(300);
    await ask(30);
    assert.equal(peer.answered, 8);
  });

  it('counts a request that came too fast as received', async () => {
    const clock = new FakeClock();
    using peer = await startEchoPeer(['127.0.0.1'], {
      clock,
      limits: { total: { perSecond: 1, burst: 1 }, reserve: 0 },
    });
    using client = await startClient(peer.port);
    for (let sequence = 0; sequence < 3; sequence++) await client.send(request(sequence));
    await eventually(
      () => peer.dropped.length === 2,
      () => `${peer.dropped}`,
    );
    clock.stall(1000);
    const last = request(3);
    await client.send(last);
    await eventually(
      () => client.received.length === 2,
      () => 'no second answer',
    );
    assert.equal(readEchoAnswer(client.received[1]!, last)?.receipt.received, 4);
  });

  it('says once that its port is taken, tries again and says when it has it', async () => {
    const clock = new FakeClock();
    const taken = await startEchoPeer();
    using peer = await startEchoPeer(['127.0.0.1'], { port: taken.port, clock });
    await clock.advanceAsync(20_000);
    assert.deepEqual([peer.failed, peer.listening], [['127.0.0.1 EADDRINUSE'], []]);
    taken[Symbol.dispose]();
    await eventually(
      async () => {
        await clock.advanceAsync(5000);
        return peer.listening.length === 1;
      },
      () => `${peer.failed}`,
    );
    using client = await startClient(peer.port);
    await flush(client);
    assert.equal(peer.failed.length, 1);
  });

  it('is not kept from one address by another that is not there', async () => {
    using peer = await startEchoPeer(['192.0.2.1', '127.0.0.1'], { clock: new FakeClock() });
    assert.deepEqual([peer.failed, peer.listening], [['192.0.2.1 EADDRNOTAVAIL'], ['127.0.0.1']]);
    using client = await startClient(peer.port);
    await flush(client);
  });

  it('keeps no socket and no timer when it is closed, also one that failed', async () => {
    const descriptors = openDescriptors();
    const clock = new FakeClock();
    const peers = [await startEchoPeer(['127.0.0.1', '::1'], { clock }), await startEchoPeer([], { clock })];
    peers.push(await startEchoPeer(['127.0.0.1'], { clock, port: peers[0]!.port }));
    for (const peer of peers) peer[Symbol.dispose]();
    await eventually(
      () => openDescriptors() <= descriptors,
      () => `${openDescriptors()} descriptors, ${descriptors} before`,
    );
    assert.equal(clock.pending, 0);
  });
});
