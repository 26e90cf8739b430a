import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  encodeEchoRequest,
  makeEchoAnswer,
  readEchoRequest,
  writeEchoDwell,
} from '../../../../../src/agent/echo/echo-message.ts';
import { KernelCallError } from '../../../../../src/agent/kernel/kernel.ts';
import type { ProbeResult } from '../../../../../src/agent/probes/probe.ts';
import { type UdpSubject, udpProbe } from '../../../../../src/agent/probes/udp/udp-probe.ts';
import { UdpSockets } from '../../../../../src/agent/probes/udp-sockets.ts';
import { run } from '../../../../cluster/command.ts';
import { eventually } from '../../eventually.ts';
import { startEchoPeer } from '../../servers/echo-peer.ts';
import { type EchoProcess, startEchoProcess } from '../../servers/echo-process.ts';
import { answer1 } from '../../servers/echo-version-1.ts';
import { NetworkNamespace } from '../../servers/network-namespace.ts';
import {
  contextWith,
  kernel,
  kernelWith,
  openDescriptors,
  recordingKernel,
  timings,
} from '../../servers/probe-context.ts';
import { undisturbed } from '../../undisturbed.ts';

const echoMessageModule = '../../../../../src/agent/echo/echo-message.ts';
/** Little enough to wait for in vain. */
const shortMs = 300;
/** Enough for answers of another process on a busy machine, where some must come and others must not. */
const mixedMs = 1500;
const none = { forward: 0, return: 0, unknown: 0 };

function targetOf({ host = '127.0.0.1', port }: { host?: string; port: number }, given: Partial<UdpSubject> = {}) {
  return { host, port, packets: 3, size: 64, ...given };
}

function assertAnswered({ latencies, ...rest }: ProbeResult, packets = 3, timing: ProbeResult['timing'] = 'kernel') {
  assert.deepEqual(rest, { failures: [], retransmits: 0, timing, losses: none, refusedTimes: 0 });
  assert.equal(latencies.length, packets);
  for (const seconds of latencies) assert.ok(seconds > 0 && seconds < 5, String(latencies));
}

/** A peer that does with each request what it is told. */
async function startPeer(
  behaviour: (request: Buffer, send: (message: Uint8Array) => void, client: RemoteInfo) => void,
  host = '127.0.0.1',
) {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const requests: { at: number; message: Buffer; client: RemoteInfo }[] = [];
  let closed = false;
  socket.on('message', (message, client) => {
    requests.push({ at: performance.now(), message: Buffer.from(message), client });
    behaviour(message, (answer) => closed || socket.send(answer, client.port, client.address), client);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    host,
    port: socket.address().port,
    requests,
    [Symbol.dispose]() {
      closed = true;
      socket.close();
    },
  };
}

/** A peer in a thread of its own, which answers after `delayMs`. */
async function startSlowPeer(delayMs: number) {
  const worker = new Worker(
    `const { createSocket } = require('node:dgram');
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ makeEchoAnswer, writeEchoDwell }) => {
      const socket = createSocket('udp4');
      socket.on('message', (message, { port, address }) =>
        setTimeout(() => {
          makeEchoAnswer(message, { counting: 1, received: 1 }, 2);
          writeEchoDwell(message, 1);
          socket.send(message, port, address);
        }, workerData.delayMs),
      );
      socket.bind(0, '127.0.0.1', () => parentPort.postMessage(socket.address().port));
    });`,
    { eval: true, workerData: { delayMs, module: import.meta.resolve(echoMessageModule) } },
  );
  const [port] = (await once(worker, 'message')) as [number];
  return { port, [Symbol.asyncDispose]: async () => void (await worker.terminate()) };
}

function answerTo(request: Buffer, received = 1, dwellNs = 1): Buffer {
  const answer = Buffer.from(request);
  makeEchoAnswer(answer, { counting: 1, received }, 2);
  writeEchoDwell(answer, dwellNs);
  return answer;
}

/** Another packet's answer to whoever sent this one. */
function answerToAnother(request: Buffer, changes: { sequence?: number; turn?: number; prober?: Uint8Array }): Buffer {
  return answerTo(encodeEchoRequest({ ...readEchoRequest(request)!, ...changes }, request.length));
}

async function freeUdpPort(host: string): Promise<number> {
  using peer = await startPeer(() => {}, host);
  return peer.port;
}

describe('udpProbe on a peer that is there', () => {
  for (const { source, kernel } of timings)
    for (const host of ['127.0.0.1', '::1'])
      it(`reports a latency for each packet by the ${source} to ${host}`, async () => {
        using peer = await startEchoPeer([host]);
        const probe = udpProbe();
        for (const packets of [1, 3, 10]) {
          const turn = () => probe(targetOf({ host, port: peer.port }, { packets }), contextWith({ kernel }));
          // An answer that waits for longer has no latency.
          assertAnswered(await undisturbed(50, turn), packets, source);
        }
        assert.ok(peer.answered >= 14);
        assert.deepEqual(peer.dropped, []);
      });

  it('reports the times of the kernel, which are shorter than those of the clock for the same packets', async () => {
    using peer = await startEchoPeer();
    const { kernel, weighed } = recordingKernel();
    const { latencies } = await udpProbe()(targetOf(peer), contextWith({ kernel }));
    for (const [index, { seconds, elapsedSeconds }] of weighed.entries()) {
      assert.ok(seconds! < elapsedSeconds);
      // The peer's dwell grows until its answer is sent.
      assert.ok(latencies[index]! > 0 && latencies[index]! <= seconds! - peer.dwells[index]!);
    }
  });

  it('sends each packet from a port of its own, of the size it was told, in turns that rise', async () => {
    using peer = await startPeer((request, send) => send(answerTo(request)));
    const probe = udpProbe();
    for (let turn = 0; turn < 2; turn++) await probe(targetOf(peer, { size: 1472 }), contextWith());
    const sent = peer.requests.map(({ message }) => readEchoRequest(message)!);
    assert.ok(new Set(peer.requests.map(({ client }) => client.port)).size >= 5);
    assert.deepEqual(
      sent.map(({ turn, sequence }) => `${turn} ${sequence}`),
      ['1 0', '1 1', '1 2', '2 0', '2 1', '2 2'],
    );
    assert.equal(new Set(sent.map(({ prober }) => Buffer.from(prober).toString('hex'))).size, 1);
    assert.ok(peer.requests.every(({ message }) => message.length === 1472));
  });

  it('does not wait for the answer to a packet to send the next', async () => {
    const waiting: (() => void)[] = [];
    using peer = await startPeer((request, send) => {
      waiting.push(() => send(answerTo(request)));
      if (waiting.length === 3) for (const answer of waiting) answer();
    });
    assert.equal((await udpProbe()(targetOf(peer), contextWith())).latencies.length, 3);
  });

  it('leaves a pause between packets', async () => {
    using peer = await startPeer((request, send) => send(answerTo(request)));
    const probe = udpProbe();
    let spaced = 0;
    // A process that is held up reads them all at once: not every turn shows the pauses.
    for (let turn = 0; turn < 50 && spaced < 5; turn++) {
      await probe(targetOf(peer), contextWith());
      const [first, , last] = peer.requests.splice(0).map(({ at }) => at);
      if (last! - first! > 30) spaced++;
    }
    assert.equal(spaced, 5);
  });

  it('counts no packet as lost that was answered while the event loop stood still', async () => {
    const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * shortMs);
    using peer = await startPeer((request, send) => {
      send(answerTo(request));
      setImmediate(standStill);
    });
    const { latencies, failures } = await udpProbe()(targetOf(peer), contextWith({ timeoutMs: shortMs }));
    assert.deepEqual([latencies.length, failures], [3, []]);
  });

  it('counts a packet as lost that was answered too late, also where the event loop stood still until then', async () => {
    await using peer = await startSlowPeer(2 * shortMs);
    const probing = udpProbe()(targetOf(peer, { packets: 1 }), contextWith({ timeoutMs: shortMs }));
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * shortMs));
    const { latencies, failures } = await probing;
    assert.deepEqual([latencies, failures], [[], ['lost']]);
  });

  it('is done before the timeout is over when the answer came late in it', async () => {
    const timeoutMs = 1000;
    using peer = await startPeer((request, send) => setTimeout(() => send(answerTo(request)), 0.8 * timeoutMs));
    const tookMs = await undisturbed(50, async () => {
      const startedAt = performance.now();
      const { latencies } = await udpProbe()(targetOf(peer, { packets: 1 }), contextWith({ timeoutMs }));
      assert.equal(latencies.length, 1);
      return performance.now() - startedAt;
    });
    assert.ok(tookMs < timeoutMs - 10, `${tookMs} ms`);
  });

  it('reads again when the errno of the first time was that of another call', async () => {
    using peer = await startEchoPeer();
    let reads = 0;
    const disturbed = kernelWith({
      receive(fd) {
        if (++reads === 2) throw new KernelCallError('recvmsg', 'ENOENT');
        return kernel!.receive(fd);
      },
    });
    assertAnswered(await udpProbe()(targetOf(peer), contextWith({ kernel: disturbed })));
    const failing = kernelWith({
      receive() {
        throw new KernelCallError('recvmsg', 'EBADF');
      },
    });
    await assert.rejects(udpProbe()(targetOf(peer), contextWith({ kernel: failing })), { code: 'EBADF' });
  });

  it('has no latency of a packet that the kernel did not stamp: it was noticed long after it came', async () => {
    using peer = await startEchoPeer();
    let received = 0;
    const forgetful = kernelWith({
      receive(fd) {
        const datagram = kernel!.receive(fd);
        return datagram && ++received === 2 ? { ...datagram, receivedAt: undefined } : datagram;
      },
    });
    assertAnswered(await udpProbe()(targetOf(peer), contextWith({ kernel: forgetful })), 2);
  });
});

describe('udpProbe and the calls that it makes', () => {
  it('reads the clocks for an answer and the next packet at once, and drops nothing but what was received', async () => {
    using peer = await startPeer((request, send) => send(answerTo(request)));
    let [readings, disconnected, dropped] = [0, 0, 0];
    const counting = kernelWith({
      now() {
        readings++;
        return kernel!.now();
      },
      disconnect(fd, isStampRead) {
        disconnected++;
        if (!isStampRead) dropped++;
        return kernel!.disconnect(fd, isStampRead);
      },
    });
    const context = contextWith({ kernel: counting, udpSockets: new UdpSockets(counting) });
    assertAnswered(await undisturbed(50, () => udpProbe()(targetOf(peer), context)));
    assert.equal(dropped, 0);
    // Where an answer was late, the next packet has a reading of its own.
    assert.ok(readings < 2 * disconnected && readings > disconnected, `${readings} for ${disconnected}`);
    context.udpSockets!.close();
  });
});

describe('udpProbe and the time at which a packet was sent', () => {
  const cases: [string, (sentAt: bigint, receivedAt: bigint) => bigint | undefined, 'queue' | 'call'][] = [
    ['that of the interface’s queue', (sentAt) => sentAt + 1n, 'queue'],
    ['that of the call where the queue does not say', () => undefined, 'call'],
    ['that of the call where the queue names an earlier packet', (sentAt) => sentAt - 1n, 'call'],
    ['that of the call where the queue names a time after the answer', (_, receivedAt) => receivedAt, 'call'],
  ];
  for (const [what, transmittedAt, taken] of cases)
    it(`takes ${what}`, async () => {
      using peer = await startPeer((request, send) => send(answerTo(request)));
      const recording = recordingKernel();
      let [sentAt, receivedAt] = [0n, 0n];
      const kernel = kernelWith({
        believe: recording.kernel.believe,
        send(fd, datagram) {
          sentAt = recording.kernel.send(fd, datagram);
          return sentAt;
        },
        receive(fd) {
          const datagram = recording.kernel.receive(fd);
          receivedAt = datagram?.receivedAt ?? receivedAt;
          return datagram;
        },
        transmittedAt: () => transmittedAt(sentAt, receivedAt),
      });
      await udpProbe()(targetOf(peer, { packets: 1 }), contextWith({ kernel }));
      const began = taken === 'queue' ? transmittedAt(sentAt, receivedAt)! : sentAt;
      assert.equal(recording.weighed[0]!.seconds, Number(receivedAt - began) / 1e9);
    });
});

describe('udpProbe and the time that requests wait at the peer', () => {
  it('leaves it out of the latency, also where the peer is busy for 40 % of the time', async () => {
    await using peer = await startEchoProcess(undefined, 0.4);
    const { kernel, weighed } = recordingKernel();
    const probe = udpProbe();
    const paths: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const { latencies } = await probe(targetOf(peer, { packets: 5 }), contextWith({ kernel }));
      paths.push(...latencies);
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const roundTrip = mean(weighed.map(({ seconds }) => seconds!));
    assert.equal(paths.length, 100);
    // The peer answers after 2 ms in the mean: of 10 ms in each 25 ms, half.
    assert.ok(roundTrip > 0.001, `round trip ${roundTrip}`);
    assert.ok(mean(paths) < roundTrip / 4, `${mean(paths)} of ${roundTrip}`);
  });

  it('measures nothing of it where the peer waits after its answer', async () => {
    using peer = await startPeer((request, send) => {
      send(answerTo(request, 1, 50_000));
    });
    const { kernel, weighed } = recordingKernel();
    // A round trip on loopback may be shorter.
    const slow = kernelWith({ ...kernel, believe: (seconds, elapsed) => kernel.believe(seconds! + 1, elapsed + 1) });
    const { latencies, refusedTimes } = await udpProbe()(targetOf(peer, { packets: 1 }), contextWith({ kernel: slow }));
    assert.deepEqual([latencies, refusedTimes], [[weighed[0]!.seconds! - 50e-6], 0]);
  });

  it('takes the round trip by the clock where the peer does not know it', async () => {
    using peer = await startEchoPeer(undefined, { kernel: 'none' });
    assertAnswered(await udpProbe()(targetOf(peer), contextWith()), 3, 'clock');
    assert.deepEqual(peer.dwells, [undefined, undefined, undefined]);
  });

  it('refuses and counts a wait that is not shorter than the round trip', async () => {
    for (const { kernel } of timings) {
      using peer = await startPeer((request, send) => send(answerTo(request, 1, 4_000_000_000)));
      const { latencies, timing, refusedTimes } = await udpProbe()(targetOf(peer), contextWith({ kernel }));
      assert.deepEqual([latencies.length, timing, refusedTimes], [3, 'clock', 3]);
      for (const seconds of latencies) assert.ok(seconds > 0 && seconds < 4, String(latencies));
    }
  });

  for (const [roundTrip, waited, latencies] of [
    [1.0003, 1_000_000_000, []],
    [0.9998, 1_000_000_000, []],
    [0.1003, 100_000_000, [0.0003]],
    [0.09002, 90_000_000, [0.00002]],
    [0.08998, 90_000_000, []],
    [1.0011, 1_000_000_000, [0.0011]],
    [0.9989, 1_000_000_000, [0.9989]],
  ] as const)
    it(`takes ${latencies.length === 0 ? 'no latency' : `${latencies} s`} from ${roundTrip} s of which ${waited} ns passed by another clock`, async () => {
      using peer = await startPeer((request, send) => send(answerTo(request, 1, waited)));
      const kernelOfRoundTrip = kernelWith({ believe: () => roundTrip });
      const result = await udpProbe()(targetOf(peer, { packets: 1 }), contextWith({ kernel: kernelOfRoundTrip }));
      assert.deepEqual(
        result.latencies.map((seconds) => Number(seconds.toFixed(6))),
        latencies,
      );
      const isUsed = latencies.length > 0 && latencies[0]! < 0.01;
      assert.deepEqual([result.failures, result.refusedTimes], [[], isUsed ? 0 : 1]);
    });

  it('measures losses and no latency where the peer’s agent is of version 1', async () => {
    let received = 0;
    using peer = await startPeer((request, send) => {
      const answer = answer1(request, { counting: 7, received: ++received });
      if (received !== 2) send(answer!);
    });
    const result = await udpProbe()(targetOf(peer), contextWith({ timeoutMs: mixedMs }));
    const skipped = { latencies: [], failures: [], retransmits: 0, timing: 'kernel', skipped: 'version' };
    assert.deepEqual(result, { ...skipped, losses: { ...none, return: 1 } });
  });
});

describe('udpProbe on a peer that misbehaves', () => {
  it('calls a port that nobody listens on refused', async () => {
    for (const { source, kernel } of timings)
      for (const host of ['127.0.0.1', '::1'])
        assert.deepEqual(await udpProbe()(targetOf({ host, port: await freeUdpPort(host) }), contextWith({ kernel })), {
          latencies: [],
          failures: ['refused', 'refused', 'refused'],
          retransmits: 0,
          timing: source,
          losses: none,
          refusedTimes: 0,
        });
  });

  it('calls silence lost, and is done when the timeout is over', async () => {
    using peer = await startPeer(() => {});
    for (const { kernel } of timings) {
      const startedAt = performance.now();
      const { failures, latencies } = await udpProbe()(targetOf(peer), contextWith({ kernel, timeoutMs: shortMs }));
      assert.deepEqual([latencies, failures], [[], ['lost', 'lost', 'lost']]);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs >= shortMs - 1 && tookMs < shortMs + 5000, `${tookMs} ms`);
    }
  });

  const strange: [string, (request: Buffer) => Uint8Array[]][] = [
    ['the request itself', (request) => [request]],
    ['an answer to another packet', (request) => [answerToAnother(request, { sequence: 9 })]],
    ['an answer of an earlier turn', (request) => [answerToAnother(request, { turn: 0 })]],
    ['an answer to another prober', (request) => [answerToAnother(request, { prober: Buffer.alloc(8) })]],
    ['a shorter answer', (request) => [answerTo(request).subarray(0, -1)]],
    ['an empty datagram', () => [Buffer.alloc(0)]],
    ['nonsense', () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), Buffer.alloc(1472, 0xff)]],
  ];
  for (const [what, answers] of strange)
    it(`passes over ${what}, and takes the right answer behind it`, async () => {
      using wrong = await startPeer((request, send) => {
        for (const message of answers(request)) send(message);
      });
      const { failures } = await udpProbe()(targetOf(wrong), contextWith({ timeoutMs: shortMs }));
      assert.deepEqual(failures, ['lost', 'lost', 'lost']);
      using right = await startPeer((request, send) => {
        for (const message of [...answers(request), answerTo(request)]) send(message);
      });
      const { latencies } = await udpProbe()(targetOf(right), contextWith());
      assert.equal(latencies.length, 3);
    });

  it('counts a packet once that was answered twice', async () => {
    using peer = await startPeer((request, send) => {
      send(answerTo(request));
      send(answerTo(request));
    });
    const { latencies, failures } = await udpProbe()(targetOf(peer), contextWith());
    assert.deepEqual([latencies.length, failures], [3, []]);
  });

  it('calls an answer that comes too late lost, and does not take it in the next turn', async () => {
    const late: (() => void)[] = [];
    using peer = await startPeer((request, send) => {
      late.push(() => send(answerTo(request)));
    });
    const probe = udpProbe();
    const turn = () => probe(targetOf(peer), contextWith({ timeoutMs: shortMs }));
    assert.deepEqual((await turn()).failures, ['lost', 'lost', 'lost']);
    for (const send of late.splice(0)) send();
    assert.deepEqual((await turn()).failures, ['lost', 'lost', 'lost']);
  });

  it('hears nobody but the peer', async () => {
    const stranger = createSocket('udp4');
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    using peer = await startPeer((request, _, client) => stranger.send(answerTo(request), client.port, client.address));
    try {
      for (const { kernel } of timings) {
        const { failures } = await udpProbe()(targetOf(peer), contextWith({ kernel, timeoutMs: shortMs }));
        assert.deepEqual(failures, ['lost', 'lost', 'lost']);
      }
    } finally {
      stranger.close();
    }
  });

  it('takes any octets for no answer, without failing or waiting longer than it may', async () => {
    let next: Uint8Array = Buffer.alloc(0);
    using peer = await startPeer((request, send) => {
      send(next);
      // Behind the right head, so that more than that is read.
      send(Buffer.concat([request.subarray(0, 5), next]));
    });
    const probe = udpProbe();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1400 }), async (bytes) => {
        next = bytes;
        const { latencies, failures } = await probe(targetOf(peer, { packets: 1 }), contextWith({ timeoutMs: 20 }));
        assert.deepEqual([latencies, failures], [[], ['lost']]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('udpProbe through a network that loses packets', () => {
  let namespace: NetworkNamespace;
  let peer: EchoProcess;
  before(async () => {
    namespace = await NetworkNamespace.create();
    peer = await startEchoProcess((command) => namespace.inside(command));
  });
  after(async () => {
    await peer?.[Symbol.asyncDispose]();
    await namespace[Symbol.asyncDispose]();
  });
  const hosts = () => [namespace.address4, namespace.address6];
  const targetThere = (host: string, given: Partial<UdpSubject> = {}) => targetOf({ host, port: peer.port }, given);

  it('tells that requests were lost on the way there', async () => {
    for (const host of hosts())
      for (const { kernel } of timings) {
        const probe = udpProbe();
        await namespace.filter([]);
        await probe(targetThere(host), contextWith());
        await namespace.filter([`udp dport ${peer.port} numgen inc mod 3 < 2 drop`]);
        const { latencies, failures, losses } = await probe(
          targetThere(host),
          contextWith({ kernel, timeoutMs: mixedMs }),
        );
        assert.deepEqual([latencies.length, failures, losses], [1, ['lost', 'lost'], { ...none, forward: 2 }]);
      }
  });

  it('tells that answers were lost on the way back', async () => {
    for (const host of hosts())
      for (const { kernel } of timings) {
        const probe = udpProbe();
        await namespace.filter([]);
        await probe(targetThere(host), contextWith());
        await namespace.filter([`udp sport ${peer.port} numgen inc mod 3 < 2 drop`], 'output');
        const { latencies, failures, losses } = await probe(
          targetThere(host),
          contextWith({ kernel, timeoutMs: mixedMs }),
        );
        assert.deepEqual([latencies.length, failures, losses], [1, ['lost', 'lost'], { ...none, return: 2 }]);
      }
  });

  for (const [direction, rule, hook] of [
    ['forward', 'udp dport', 'input'],
    ['return', 'udp sport', 'output'],
  ] as const)
    it(`calls a cut unknown while it lasts, and says ${direction} of its last turn when it is over`, async () => {
      const probe = udpProbe();
      const turn = () => probe(targetThere(namespace.address4), contextWith({ timeoutMs: mixedMs }));
      await namespace.filter([]);
      await turn();
      await namespace.filter([`${rule} ${peer.port} drop`], hook);
      const during = [await turn(), await turn()].map(({ failures, losses }) => ({ lost: failures.length, losses }));
      assert.deepEqual(during, [
        { lost: 3, losses: none },
        { lost: 3, losses: { ...none, unknown: 3 } },
      ]);
      await namespace.filter([]);
      const { failures, losses } = await turn();
      assert.deepEqual([failures, losses], [[], { ...none, [direction]: 3 }]);
    });

  it('calls a host that a router cannot reach unreachable', async () => {
    await namespace.filter([`udp dport ${peer.port} reject with icmpx type host-unreachable`]);
    for (const host of hosts()) {
      const { failures, losses } = await udpProbe()(targetThere(host), contextWith());
      assert.deepEqual([failures, losses], [['unreachable', 'unreachable', 'unreachable'], none]);
    }
  });

  it('sees a path that loses large packets only', async () => {
    await namespace.filter([`udp dport ${peer.port} udp length > 1000 drop`]);
    const probe = udpProbe();
    const failures = async (size: number) =>
      (await probe(targetThere(namespace.address4, { size }), contextWith({ timeoutMs: mixedMs }))).failures;
    assert.deepEqual([await failures(64), await failures(1400)], [[], ['lost', 'lost', 'lost']]);
  });

  it('calls a packet unreachable that the queue of this machine’s own interface drops, and loses no other', async () => {
    await namespace.filter([]);
    for (const host of hosts()) {
      const probe = udpProbe();
      const turn = () => probe(targetThere(host, { packets: 5, size: 1400 }), contextWith());
      await turn();
      // One packet is sent and one waits. The next one has no room until that has been sent, 0.36 s later.
      const full = ['tbf', 'rate', '32kbit', 'burst', '1600', 'limit', '1600'];
      await run(['tc', 'qdisc', 'replace', 'dev', namespace.device, 'root', ...full]);
      try {
        // On a busy machine, the pauses between packets may be as long.
        await eventually(
          async () => {
            const { failures, losses } = await turn();
            assert.ok(failures.length < 5 && failures.every((reason) => reason === 'unreachable'), String(failures));
            assert.deepEqual(losses, none);
            return failures.length > 0;
          },
          () => 'no packet was dropped',
        );
      } finally {
        await run(['tc', 'qdisc', 'del', 'dev', namespace.device, 'root']);
      }
      const { failures, losses } = await turn();
      assert.deepEqual([failures, losses], [[], none]);
    }
  });

  it('measures how long packets wait in the queue of this machine’s own interface', async () => {
    await namespace.filter([]);
    // A packet takes 0.36 s, and the next ones wait for it.
    const shaped = ['tbf', 'rate', '32kbit', 'burst', '1600', 'latency', '20s'];
    await run(['tc', 'qdisc', 'replace', 'dev', namespace.device, 'root', ...shaped]);
    try {
      for (const host of hosts()) {
        const { latencies, failures, timing } = await udpProbe()(
          targetThere(host, { packets: 4, size: 1400 }),
          contextWith({ timeoutMs: 15_000 }),
        );
        assert.deepEqual([failures, timing], [[], 'kernel']);
        assert.ok(Math.max(...latencies) > 0.3, String(latencies));
      }
    } finally {
      await run(['tc', 'qdisc', 'del', 'dev', namespace.device, 'root']);
    }
  });
});

describe('udpProbe and its descriptors', () => {
  const noneLeft = (before: number) =>
    eventually(
      () => openDescriptors() <= before,
      () => `${openDescriptors()} descriptors, ${before} before`,
    );

  it('rejects with the reason when aborted, at whichever packet, and keeps none', async () => {
    using peer = await startPeer(() => {});
    for (const { kernel } of timings)
      for (const packets of [1, 3]) {
        const descriptors = openDescriptors();
        const controller = new AbortController();
        const probing = udpProbe()(targetOf(peer), contextWith({ kernel, signal: controller.signal }));
        const rejected = assert.rejects(probing, { message: 'target gone' });
        const until = peer.requests.length + packets;
        await eventually(
          () => peer.requests.length >= until,
          () => 'not asked',
        );
        controller.abort(new Error('target gone'));
        await rejected;
        await noneLeft(descriptors);
      }
  });

  it('does not even begin when it is aborted already', async () => {
    const context = contextWith({ signal: AbortSignal.abort('gone') });
    await assert.rejects(udpProbe()(targetOf({ port: 1 }), context), (error) => error === 'gone');
  });

  it('keeps none after answers, refusals and losses', async () => {
    using peer = await startPeer((request, send) => request[6] !== 1 && send(answerTo(request)));
    const port = await freeUdpPort('127.0.0.1');
    const probe = udpProbe();
    const descriptors = openDescriptors();
    for (const { kernel } of timings)
      for (let turn = 0; turn < 5; turn++) {
        await probe(targetOf(peer), contextWith({ kernel, timeoutMs: 40 }));
        await probe(targetOf({ port }), contextWith({ kernel, timeoutMs: 40 }));
      }
    await noneLeft(descriptors);
  });

  it('rejects when a packet can have none, which is no fault of the network, and ends the others', async () => {
    using peer = await startPeer(() => {});
    const descriptors = openDescriptors();
    let calls = 0;
    const exhausted = kernelWith({
      openStampedUdpSocket(family) {
        if (++calls === 2) throw new KernelCallError('socket', 'EMFILE');
        return kernel!.openStampedUdpSocket(family);
      },
    });
    await assert.rejects(udpProbe()(targetOf(peer), contextWith({ kernel: exhausted })), { code: 'EMFILE' });
    assert.equal(calls, 2, 'no further packet is sent');
    await noneLeft(descriptors);
  });

  it('rejects what is no address instead of asking getaddrinfo', async () => {
    await assert.rejects(udpProbe()(targetOf({ host: 'localhost', port: 1 }), contextWith()), RangeError);
  });
});
