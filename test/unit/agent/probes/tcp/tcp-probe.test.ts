import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { tcpProbe } from '../../../../../src/agent/probes/tcp/tcp-probe.ts';
import { eventually } from '../../eventually.ts';
import { startListenerProcess } from '../../servers/listener-process.ts';
import { NetworkNamespace } from '../../servers/network-namespace.ts';
import {
  contextWith,
  kernel,
  kernelWith,
  openDescriptors,
  recordingKernel,
  tcpStates,
  timings,
} from '../../servers/probe-context.ts';
import { undisturbed } from '../../undisturbed.ts';

const listen = '0A';

async function startServer(onConnection: (socket: Socket) => void, host = '127.0.0.1') {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close() };
}

describe('tcpProbe on a peer that is there', () => {
  for (const { source, kernel } of timings) {
    for (const host of ['127.0.0.1', '::1'])
      it(`reports one latency by the ${source} to ${host}`, async () => {
        using peer = await startServer((socket) => socket.resume(), host);
        const startedAt = performance.now();
        const { latencies, ...rest } = await tcpProbe({ host, port: peer.port }, contextWith({ kernel }));
        assert.deepEqual(rest, { failures: [], retransmits: 0, timing: source });
        assert.equal(latencies.length, 1);
        assert.ok(latencies[0]! > 0 && latencies[0]! < (performance.now() - startedAt) / 1000);
      });

    it(`leaves no connection behind on either side (${source})`, async () => {
      using peer = await startServer((socket) => socket.resume());
      for (let turn = 0; turn < 5; turn++)
        await tcpProbe({ host: '127.0.0.1', port: peer.port }, contextWith({ kernel }));
      await eventually(
        () => tcpStates(peer.port).join() === listen,
        () => `states ${tcpStates(peer.port)}`,
      );
    });
  }

  it('reports the time of the kernel, which is shorter than that of the clock for the same dial', async () => {
    using peer = await startServer((socket) => socket.resume());
    const { kernel, weighed } = recordingKernel();
    const { latencies } = await tcpProbe({ host: '127.0.0.1', port: peer.port }, contextWith({ kernel }));
    assert.equal(weighed.length, 1);
    assert.equal(latencies[0], weighed[0]!.seconds);
    assert.ok(weighed[0]!.seconds! < weighed[0]!.elapsedSeconds, JSON.stringify(weighed));
  });

  it('is no latency of the event loop: one that stood still for a while changes nothing', async () => {
    await using listener = await startListenerProcess();
    const probing = tcpProbe({ host: '127.0.0.1', port: listener.port }, contextWith({ timeoutMs: 200 }));
    // After the SYN has gone out, and for longer than the timeout.
    queueMicrotask(() => process.nextTick(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)));
    const { latencies, ...rest } = await probing;
    assert.deepEqual(rest, { failures: [], retransmits: 0, timing: 'kernel' });
    assert.ok(latencies[0]! < 0.1, String(latencies));
  });

  it('sends nothing, and to an HTTP server of Node is no request and no fault', async () => {
    let requests = 0;
    let bytes = 0;
    const server = createHttpServer(() => requests++);
    let closed = 0;
    server.on('connection', (socket: Socket) => {
      socket.on('close', () => {
        bytes += socket.bytesRead;
        closed++;
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const { failures } = await tcpProbe({ host: '127.0.0.1', port }, contextWith());
      assert.deepEqual(failures, []);
      await eventually(
        () => closed === 1,
        () => `${closed} connections closed`,
      );
      assert.deepEqual({ requests, bytes }, { requests: 0, bytes: 0 });
    } finally {
      server.close();
    }
  });

  it('takes a peer that speaks first or closes at once for one that is there', async () => {
    for (const behaviour of [(socket: Socket) => socket.write('SSH-2.0-x\r\n'), (socket: Socket) => socket.end()]) {
      using peer = await startServer(behaviour);
      const { failures, latencies } = await tcpProbe({ host: '127.0.0.1', port: peer.port }, contextWith());
      assert.deepEqual([failures, latencies.length], [[], 1]);
    }
  });

  it('refuses a time that cannot be, counts it and has no latency: the clock’s would end with a look', async () => {
    using peer = await startServer((socket) => socket.resume());
    const lying = kernelWith({ tcpInfo: (fd) => ({ ...kernel!.tcpInfo(fd)!, rttSeconds: 3600 }) });
    const refusals = kernel!.refusals;
    const target = { host: '127.0.0.1', port: peer.port };
    const { latencies, ...rest } = await tcpProbe(target, contextWith({ kernel: lying }));
    assert.deepEqual(rest, { failures: [], retransmits: 0, timing: 'kernel' });
    assert.deepEqual(latencies, []);
    assert.equal(kernel!.refusals, refusals + 1);
  });

  it('makes few calls for a connection that is established at the first look', async () => {
    using peer = await startServer((socket) => socket.resume());
    const calls: string[] = [];
    const counted = <Arguments extends unknown[], Result>(name: string, call: (...given: Arguments) => Result) => {
      return (...given: Arguments) => {
        calls.push(name);
        return call(...given);
      };
    };
    const counting = kernelWith({
      connectTcp: counted('connect', (fd: number, to: Uint8Array) => kernel!.connectTcp(fd, to)),
      tcpInfo: counted('info', (fd: number) => kernel!.tcpInfo(fd)),
      pendingError: counted('error', (fd: number) => kernel!.pendingError(fd)),
      resetConnection: counted('reset', (fd: number) => kernel!.resetConnection(fd)),
    });
    const { latencies } = await tcpProbe({ host: '127.0.0.1', port: peer.port }, contextWith({ kernel: counting }));
    assert.equal(latencies.length, 1);
    assert.deepEqual(calls, ['connect', 'info', 'reset']);
  });

  it('sees a reset between the first look, at which the connection was established, and the last', async () => {
    const probed = async () => {
      const accepted = Promise.withResolvers<Socket>();
      using peer = await startServer(accepted.resolve);
      const startedAt = performance.now();
      let looks = 0;
      // A handshake that took all the time until the first look is watched for longer.
      const slow = kernelWith({
        tcpInfo(fd) {
          looks++;
          void accepted.promise.then((socket) => socket.resetAndDestroy());
          return { ...kernel!.tcpInfo(fd)!, rttSeconds: (performance.now() - startedAt) / 1000 - 0.001 };
        },
      });
      const { failures } = await tcpProbe({ host: '127.0.0.1', port: peer.port }, contextWith({ kernel: slow }));
      return [failures, looks];
    };
    // A reset does not count that is found at a look which is late.
    assert.deepEqual(await undisturbed(50, probed), [['reset'], 1]);
  });

  it('has no latency of a dial whose TCP_INFO cannot be read, and counts it', async () => {
    using peer = await startServer((socket) => socket.resume());
    const blind = kernelWith({ tcpInfo: () => undefined });
    const refusals = kernel!.refusals;
    const target = { host: '127.0.0.1', port: peer.port };
    const { latencies, failures, refusedTimes } = await tcpProbe(target, contextWith({ kernel: blind }));
    assert.deepEqual([latencies, failures, refusedTimes, kernel!.refusals], [[], [], 1, refusals]);
  });
});

describe('tcpProbe on a peer that turns it away', () => {
  for (const { source, kernel } of timings) {
    it(`calls a port that nobody listens on refused (${source})`, async () => {
      const { server, port } = await startServer(() => {});
      server.close();
      await once(server, 'close');
      assert.deepEqual(await tcpProbe({ host: '127.0.0.1', port }, contextWith({ kernel })), {
        latencies: [],
        failures: ['refused'],
        retransmits: 0,
        timing: source,
      });
    });

    const resets: [string, (socket: Socket) => void][] = [
      ['at once', (socket) => socket.resetAndDestroy()],
      ['when its process gets to it', (socket) => setTimeout(() => socket.resetAndDestroy(), 5)],
    ];
    for (const [when, behaviour] of resets)
      it(`calls a port that resets ${when} after the handshake reset (${source})`, async () => {
        using peer = await startServer(behaviour);
        const target = { host: '127.0.0.1', port: peer.port };
        // The peer is this process: on a busy machine it may get to it only when the dial has ended.
        const { latencies, failures, retransmits } = await eventually(
          async () => {
            const result = await tcpProbe(target, contextWith({ kernel }));
            return result.failures.length > 0 && result;
          },
          () => 'no dial was reset',
        );
        assert.deepEqual({ latencies, failures, retransmits }, { latencies: [], failures: ['reset'], retransmits: 0 });
      });
  }
});

describe('tcpProbe on a peer that ends silent connections after a while', () => {
  it('says nothing of it when the event loop stood still for longer than that', async () => {
    const worker = new Worker(
      `const { createServer } = require('node:net');
      const { parentPort } = require('node:worker_threads');
      const server = createServer((socket) => {
        socket.on('error', () => {});
        setTimeout(() => socket.resetAndDestroy(), 300);
      });
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    const [port] = (await once(worker, 'message')) as [number];
    try {
      const probing = tcpProbe({ host: '127.0.0.1', port }, contextWith());
      standStill(1000);
      const nothing = { latencies: [], failures: [], retransmits: 0, timing: 'kernel', skipped: 'late' };
      assert.deepEqual(await probing, nothing);
    } finally {
      await worker.terminate();
    }
  });
});

describe('tcpProbe through a network that loses packets', () => {
  let namespace: NetworkNamespace;
  before(async () => {
    namespace = await NetworkNamespace.create();
  });
  after(() => namespace[Symbol.asyncDispose]());

  it('calls a black hole a timeout and counts the SYNs that were sent again', async () => {
    await namespace.filter(['tcp dport 7000 drop']);
    // Sent again after 1 and 2 s.
    for (const host of [namespace.address4, namespace.address6])
      assert.deepEqual(await tcpProbe({ host, port: 7000 }, contextWith({ timeoutMs: 2_600 })), {
        latencies: [],
        failures: ['timeout'],
        retransmits: 2,
        timing: 'kernel',
      });
  });

  it('calls a black hole a timeout without the kernel, too', async () => {
    await namespace.filter(['tcp dport 7000 drop']);
    assert.deepEqual(
      await tcpProbe({ host: namespace.address4, port: 7000 }, contextWith({ timeoutMs: 50, kernel: undefined })),
      { latencies: [], failures: ['timeout'], retransmits: 0, timing: 'clock' },
    );
  });

  it('reports a handshake after a lost SYN with its real duration', async () => {
    await using listener = await startListenerProcess({ inside: (command) => namespace.inside(command) });
    const target = { host: namespace.address4, port: listener.port };
    const firstLost = [`tcp dport ${listener.port} tcp flags & (syn|ack) == syn numgen inc mod 1000000 < 1 drop`];
    for (const { source, kernel } of timings) {
      await namespace.filter(firstLost);
      const { latencies, ...rest } = await tcpProbe(target, contextWith({ kernel }));
      assert.deepEqual(rest, { failures: [], retransmits: kernel ? 1 : 0, timing: source });
      assert.ok(latencies[0]! > 0.95 && latencies[0]! < 1.9, String(latencies));
    }
  });

  it('calls a handshake that took too long a timeout, also where the event loop stood still until then', async () => {
    await using listener = await startListenerProcess({ inside: (command) => namespace.inside(command) });
    const target = { host: namespace.address4, port: listener.port };
    await namespace.filter([`tcp dport ${listener.port} tcp flags & (syn|ack) == syn numgen inc mod 1000000 < 1 drop`]);
    const probing = tcpProbe(target, contextWith({ timeoutMs: 500 }));
    standStill(1500);
    assert.deepEqual(await probing, { latencies: [], failures: ['timeout'], retransmits: 1, timing: 'kernel' });
  });

  it('counts the SYNs sent again to a port that refuses in the end', async () => {
    await namespace.filter(['tcp dport 7000 tcp flags & (syn|ack) == syn numgen inc mod 1000000 < 1 drop']);
    assert.deepEqual(await tcpProbe({ host: namespace.address4, port: 7000 }, contextWith()), {
      latencies: [],
      failures: ['refused'],
      retransmits: 1,
      timing: 'kernel',
    });
  });

  it('calls a full backlog a timeout', async () => {
    await using listener = await startListenerProcess({ stopped: true });
    const target = { host: '127.0.0.1', port: listener.port };
    const fill = Array.from({ length: 4 }, () => createConnection(target).on('error', () => {}));
    try {
      await eventually(
        () => fill.filter((socket) => !socket.connecting).length >= 2,
        () => 'the backlog takes nothing',
      );
      const { latencies, failures } = await tcpProbe(target, contextWith({ timeoutMs: 300 }));
      assert.deepEqual({ latencies, failures }, { latencies: [], failures: ['timeout'] });
    } finally {
      for (const socket of fill) socket.destroy();
    }
  });

  it('calls a host that a router cannot reach unreachable', async () => {
    for (const type of ['host-unreachable', 'admin-prohibited']) {
      await namespace.filter([`tcp dport 7000 reject with icmpx type ${type}`]);
      for (const host of [namespace.address4, namespace.address6]) {
        // How many SYNs it takes is not said: an ICMP error that comes while the kernel still holds the socket for
        // connect(2) is passed over.
        const { latencies, failures } = await tcpProbe({ host, port: 7000 }, contextWith());
        assert.deepEqual({ latencies, failures }, { latencies: [], failures: ['unreachable'] });
      }
    }
  });
});

describe('tcpProbe that is aborted', () => {
  it('rejects with the reason while dialling, and keeps no descriptor', async () => {
    await using listener = await startListenerProcess({ stopped: true });
    const target = { host: '127.0.0.1', port: listener.port };
    await assertAborts(target, () => tcpStates(listener.port).length > 1);
  });

  it('rejects with the reason once connected, and keeps no descriptor', async () => {
    let connections = 0;
    using peer = await startServer(() => connections++);
    await assertAborts({ host: '127.0.0.1', port: peer.port }, () => connections > 0);
  });

  it('does not even begin when it is aborted already', async () => {
    await assert.rejects(
      tcpProbe({ host: '127.0.0.1', port: 1 }, contextWith({ signal: AbortSignal.abort('gone') })),
      (e) => e === 'gone',
    );
  });

  it('keeps no descriptor and asks about none that is closed, over thousands of dials of which many are aborted', async () => {
    using peer = await startServer((socket) => socket.resetAndDestroy());
    using refusing = await startServer(() => {});
    refusing.server.close();
    await once(refusing.server, 'close');
    const misused = new Set<string>();
    let asked = 0;
    const look = (fd: number) => {
      asked++;
      const what = readlinkSync(`/proc/self/fd/${fd}`);
      if (!what.startsWith('socket:')) misused.add(`${fd} is ${what}`);
    };
    const watched = kernelWith({
      connectTcp(fd, to) {
        look(fd);
        return kernel!.connectTcp(fd, to);
      },
      tcpInfo(fd) {
        look(fd);
        return kernel!.tcpInfo(fd);
      },
      resetConnection(fd) {
        look(fd);
        kernel!.resetConnection(fd);
      },
    });
    const descriptors = openDescriptors();
    let aborted = 0;
    const turn = async (number: number) => {
      // Takes a number that a dial has given back.
      const file = openSync('/dev/null', 'r');
      const controller = new AbortController();
      const { port } = number % 5 === 0 ? refusing : peer;
      const context = contextWith({
        kernel: watched,
        timeoutMs: number % 3 === 0 ? 1 : 1000,
        signal: controller.signal,
      });
      const probing = tcpProbe({ host: '127.0.0.1', port }, context);
      if (number % 4 === 0) controller.abort();
      else if (number % 4 === 1) process.nextTick(() => controller.abort());
      // About when it looks for the first time.
      else if (number % 4 === 2) setTimeout(() => controller.abort(), 35 + (number % 31));
      await probing.catch(() => aborted++);
      closeSync(file);
    };
    for (let batch = 0; batch < 50; batch++)
      await Promise.all(Array.from({ length: 50 }, (_, index) => turn(batch * 50 + index)));
    assert.ok(aborted > 1000 && asked > 1000, `${aborted} aborted, asked ${asked} times`);
    assert.deepEqual([...misused], []);
    await eventually(
      () => openDescriptors() <= descriptors,
      () => `${openDescriptors()} descriptors, ${descriptors} before`,
    );
  });
});

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function assertAborts(target: { host: string; port: number }, ready: () => boolean): Promise<void> {
  const descriptors = openDescriptors();
  const controller = new AbortController();
  const probing = tcpProbe(target, contextWith({ signal: controller.signal }));
  const rejected = assert.rejects(probing, { message: 'target gone' });
  while (!ready()) await new Promise(setImmediate);
  controller.abort(new Error('target gone'));
  await rejected;
  await eventually(
    () => openDescriptors() <= descriptors,
    () => `${openDescriptors()} descriptors, ${descriptors} before`,
  );
}

describe('tcpProbe of something that is no address', () => {
  it('rejects instead of asking getaddrinfo', async () => {
    await assert.rejects(tcpProbe({ host: 'localhost', port: 1 }, contextWith()), RangeError);
  });
});
