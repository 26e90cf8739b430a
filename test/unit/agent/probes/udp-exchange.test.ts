import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { KernelCallError } from '../../../../src/agent/kernel/kernel.ts';
import { type ExchangeTimes, exchangeOverUdp, type UdpExchange } from '../../../../src/agent/probes/udp-exchange.ts';
import { UdpSockets } from '../../../../src/agent/probes/udp-sockets.ts';
import { eventually } from '../eventually.ts';
import { contextWith, kernel, kernelWith, openDescriptors, timings } from '../servers/probe-context.ts';

const hour = 3_600_000_000_000n;

/** A server on loopback that sends what `answers` gives, from the port that was asked. */
async function startServer(answers: (message: Buffer, client: RemoteInfo) => Uint8Array[], host = '127.0.0.1') {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
  socket.on('message', (message, client) => {
    for (const answer of answers(message, client)) socket.send(answer, client.port, client.address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return { host, port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

const ping = Buffer.from('ping');
/** Takes what was sent for the answer, and nothing else. */
const echoed = (message: Buffer) => (message.equals(ping) ? 'echoed' : undefined);
const echo = (message: Buffer) => [message];

function assertTimes(times: ExchangeTimes | undefined): asserts times {
  assert.ok(times);
  const now = BigInt(Date.now() + 1) * 1_000_000n;
  assert.ok(times.sentAt <= times.receivedAt && times.receivedAt <= now, `${times.sentAt} ${times.receivedAt} ${now}`);
  assert.ok(now - times.sentAt < 60_000_000_000n);
}

describe('exchangeOverUdp', () => {
  for (const { source, kernel } of timings)
    for (const host of ['127.0.0.1', '::1'])
      it(`tells how long the answer took and when it was, by the ${source}, from ${host}`, async () => {
        using server = await startServer(echo, host);
        const { outcome, seconds, timing, times } = await exchangeOverUdp(
          server,
          ping,
          echoed,
          contextWith({ kernel }),
        );
        assert.deepEqual([outcome, timing], ['echoed', source]);
        assertTimes(times);
        if (kernel) assert.equal(seconds, Number(times.receivedAt - times.sentAt) / 1e9);
        assert.ok(seconds > 0 && seconds < 5, String(seconds));
      });

  it('passes over what is no answer, and says malformed when nothing else came', async () => {
    const other = Buffer.from('pong');
    using late = await startServer((message) => [other, other, message]);
    using never = await startServer(() => [other]);
    for (const { kernel } of timings) {
      assert.equal((await exchangeOverUdp(late, ping, echoed, contextWith({ kernel }))).outcome, 'echoed');
      const context = contextWith({ kernel, timeoutMs: 100 });
      assert.equal((await exchangeOverUdp(never, ping, echoed, context)).outcome, 'malformed');
    }
  });

  it('ends after ten thousand messages that are no answer', async () => {
    const client = Promise.withResolvers<RemoteInfo>();
    const socket = createSocket('udp4');
    socket.on('message', (_, from) => client.resolve(from));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const context = contextWith({ timeoutMs: 120_000 });
    const exchange = exchangeOverUdp({ host: '127.0.0.1', port: socket.address().port }, ping, echoed, context);
    const { port, address } = await client.promise;
    let ended = false;
    let sent = 0;
    void exchange.finally(() => {
      ended = true;
    });
    // In parts, so that the receiver's buffer holds each of them.
    for (; !ended; await setImmediate()) for (let n = 0; n < 50; n++, sent++) socket.send('pong', port, address);
    const { outcome, seconds } = await exchange;
    assert.equal(outcome, 'malformed');
    assert.ok(sent >= 10_000 && seconds < 60, `${sent} messages, ${seconds} s`);
    socket.close();
  });
});

describe('exchangeOverUdp while the system’s clock is set', () => {
  /** What the exchange is told when the clock is set by `step` ns right after the datagram was sent. */
  async function stepped(step: bigint): Promise<UdpExchange<string>> {
    using server = await startServer(echo);
    let sent = false;
    const shifted = (at: bigint) => (sent ? at + step : at);
    const setting = kernelWith({
      now: () => shifted(kernel!.now()),
      send: (fd, datagram) => {
        const at = kernel!.send(fd, datagram);
        sent = true;
        return at;
      },
      receivedAt: (fd) => {
        const at = kernel!.receivedAt(fd);
        return at === undefined ? undefined : shifted(at);
      },
    });
    return await exchangeOverUdp(server, ping, echoed, contextWith({ kernel: setting }));
  }

  // Half a millisecond back may still leave a round trip above zero, as one forward may leave it below the time that
  // went by.
  for (const [step, what] of [
    [hour, 'an hour forward'],
    [-hour, 'an hour back'],
    [500_000n, 'half a millisecond forward'],
    [-500_000n, 'half a millisecond back'],
  ] as const)
    it(`takes the monotonic clock for the latency and gives no times (${what})`, async () => {
      const refusals = kernel!.refusals;
      const { outcome, seconds, timing, times } = await stepped(step);
      assert.deepEqual([outcome, timing, times], ['echoed', 'clock', undefined]);
      assert.ok(seconds > 0 && seconds < 5, String(seconds));
      assert.equal(kernel!.refusals, refusals + 1);
    });

  it('gives times when nobody sets it', async () => {
    const { timing, times } = await stepped(0n);
    assert.equal(timing, 'kernel');
    assertTimes(times);
  });
});

describe('exchangeOverUdp that gets no socket', () => {
  const target = { host: '::1', port: 1 };
  const without = (code: string) =>
    contextWith({
      kernel: kernelWith({
        openUdpSocket() {
          throw new KernelCallError('socket', code);
        },
      }),
    });

  it('calls what there is no network for on this machine unreachable', async () => {
    const { outcome, times } = await exchangeOverUdp(target, ping, echoed, without('EAFNOSUPPORT'));
    assert.deepEqual([outcome, times], ['unreachable', undefined]);
  });

  it('rejects when the machine has none left', async () => {
    await assert.rejects(exchangeOverUdp(target, ping, echoed, without('EMFILE')), { code: 'EMFILE' });
  });
});

describe('exchangeOverUdp that cannot send', () => {
  it('calls a full queue of this machine unreachable, and goes on with the next datagram', async () => {
    using server = await startServer(echo);
    let sent = 0;
    const full = kernelWith({
      send(fd, datagram) {
        if (++sent === 1) throw new KernelCallError('send', 'ENOBUFS');
        return kernel!.send(fd, datagram);
      },
    });
    const context = contextWith({ kernel: full });
    const { outcome, times } = await exchangeOverUdp(server, ping, echoed, context);
    assert.deepEqual([outcome, times], ['unreachable', undefined]);
    assert.equal((await exchangeOverUdp(server, ping, echoed, context)).outcome, 'echoed');
  });
});

describe('exchangeOverUdp and its descriptors', () => {
  it('opens one socket for many exchanges, each with a port of its own, and few for many at once', async () => {
    const ports: number[] = [];
    using server = await startServer((message, { port }) => {
      ports.push(port);
      return [message];
    });
    let opened = 0;
    const counting = kernelWith({
      openUdpSocket(family) {
        opened++;
        return kernel!.openUdpSocket(family);
      },
    });
    const context = contextWith({ kernel: counting, udpSockets: new UdpSockets(counting) });
    for (let n = 0; n < 50; n++) await exchangeOverUdp(server, ping, echoed, context);
    assert.equal(opened, 1);
    assert.ok(new Set(ports).size > 40, `${new Set(ports).size}`);
    const descriptors = openDescriptors();
    const many = Array.from({ length: 40 }, () => exchangeOverUdp(server, ping, echoed, context));
    for (const { outcome } of await Promise.all(many)) assert.equal(outcome, 'echoed');
    await eventually(
      () => openDescriptors() <= descriptors + 3,
      () => `${openDescriptors()} descriptors, ${descriptors} before`,
    );
    context.udpSockets!.close();
  });

  it('uses no socket again that got an error', async () => {
    const { port } = await startServer(echo).then((closing) => {
      closing[Symbol.dispose]();
      return closing;
    });
    using server = await startServer(echo);
    const context = contextWith({ udpSockets: new UdpSockets(kernel!) });
    for (let n = 0; n < 5; n++) {
      assert.equal((await exchangeOverUdp({ host: '127.0.0.1', port }, ping, echoed, context)).outcome, 'refused');
      assert.equal((await exchangeOverUdp(server, ping, echoed, context)).outcome, 'echoed');
    }
    context.udpSockets!.close();
  });

  it('keeps none and uses none that is closed, over thousands of exchanges of which many are aborted', async () => {
    using server = await startServer((message) => (message[0]! % 3 === 0 ? [] : [message]));
    // A number is given again soon; which socket it stands for, only the kernel knows.
    const socketOf = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`);
    const opened = new Map<number, string>();
    const misused: string[] = [];
    const look = (call: string, fd: number) => {
      if (socketOf(fd) !== opened.get(fd)) misused.push(`${call} ${fd}`);
    };
    const watched = kernelWith({
      openUdpSocket(family) {
        const fd = kernel!.openUdpSocket(family);
        opened.set(fd, socketOf(fd));
        return fd;
      },
      send(fd, datagram) {
        look('send', fd);
        return kernel!.send(fd, datagram);
      },
      receivedAt(fd) {
        look('receivedAt', fd);
        return kernel!.receivedAt(fd);
      },
    });
    const descriptors = openDescriptors();
    const udpSockets = new UdpSockets(watched);
    let aborted = 0;
    let answered = 0;
    const turn = async (number: number) => {
      const controller = new AbortController();
      const datagram = Buffer.of(number % 251, number >> 8, number & 255);
      const judge = (message: Buffer) => (message.equals(datagram) ? 'echoed' : undefined);
      const context = contextWith({ kernel: watched, udpSockets, timeoutMs: 5, signal: controller.signal });
      const exchange = exchangeOverUdp(server, datagram, judge, context);
      // At every stage: before it is connected, after it is sent, when the answer is there.
      if (number % 4 === 0) controller.abort();
      else if (number % 4 === 1) process.nextTick(() => controller.abort());
      else if (number % 4 === 2) setImmediate(() => controller.abort());
      await exchange.then(
        ({ outcome }) => {
          if (outcome === 'echoed') answered++;
        },
        () => aborted++,
      );
    };
    for (let batch = 0; batch < 100; batch++)
      await Promise.all(Array.from({ length: 40 }, (_, index) => turn(batch * 40 + index)));
    assert.ok(aborted > 1000 && answered > 100, `${aborted} aborted, ${answered} answered`);
    assert.deepEqual(misused, []);
    udpSockets.close();
    await eventually(
      () => openDescriptors() <= descriptors,
      () => `${openDescriptors()} descriptors, ${descriptors} before`,
    );
  });
});
