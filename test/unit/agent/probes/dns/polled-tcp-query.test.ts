import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { KernelCallError } from '../../../../../src/agent/kernel/kernel.ts';
import { type DnsSubject, dnsProbe } from '../../../../../src/agent/probes/dns/dns-probe.ts';
import type { ProbeResult } from '../../../../../src/agent/probes/probe.ts';
import type { FailureReason } from '../../../../../src/contract/failure-reason.ts';
import {
  addressRecord,
  answer,
  type DnsServer,
  framed,
  goodAnswer,
  startTcpServer,
  type TcpBehaviour,
} from '../../servers/dns-server.ts';
import { contextWith, kernel, kernelWith, recordingKernel } from '../../servers/probe-context.ts';

function targetOf({ host, port }: Pick<DnsServer, 'host' | 'port'>, given: Partial<DnsSubject> = {}): DnsSubject {
  const resolver = { search: [], ndots: 1 };
  return { name: 'api.example.com.', server: { host, port }, protocol: 'TCP', type: 'A', resolver, ...given };
}

const good: TcpBehaviour = (query, socket) => socket.write(framed(goodAnswer(query)));

/** A result without latency. Without a failure: the lookup was answered, but nobody knows when. */
function without(failures: FailureReason[] = []): ProbeResult {
  return { latencies: [], failures, retransmits: 0, timing: 'kernel' };
}

function assertAnswered({ latencies, ...rest }: ProbeResult): void {
  assert.deepEqual([rest.failures, latencies.length], [[], 1]);
}

/** The kernel, which changes the time of what it receives. */
function kernelReceiving(stamp: (at: bigint) => bigint | undefined) {
  return {
    receive(fd: number) {
      const received = kernel!.receive(fd);
      return received && { ...received, receivedAt: stamp(received.receivedAt!) };
    },
  };
}

/** Connects, and returns once the handshake is complete: the system does it without this process. */
function connectAtOnce(fd: number, to: Uint8Array): boolean {
  const isConnected = kernel!.connectTcp(fd, to);
  while (!kernel!.tcpInfo(fd)!.isEstablished);
  return isConnected;
}

describe('a polled lookup over TCP', () => {
  it('takes the kernel’s time of the handshake plus that until the answer came, each less than the clock’s', async () => {
    await using server = await startTcpServer(good);
    const { kernel, weighed } = recordingKernel();
    const { latencies } = await dnsProbe(targetOf(server), contextWith({ kernel }));
    assert.deepEqual(latencies, [weighed[0]!.seconds! + weighed[1]!.seconds!], JSON.stringify(weighed));
    assert.equal(weighed.length, 2);
    for (const { seconds, elapsedSeconds } of weighed) assert.ok(seconds! > 0 && seconds! < elapsedSeconds);
  });

  it('makes few calls for an answer that is there at the first look', async () => {
    await using server = await startTcpServer(good);
    const calls: string[] = [];
    const counted = <Arguments extends unknown[], Result>(name: string, call: (...given: Arguments) => Result) => {
      return (...given: Arguments) => {
        if (calls.at(-1) !== name) calls.push(name);
        return call(...given);
      };
    };
    const counting = kernelWith({
      connectTcp: counted('connect', connectAtOnce),
      tcpInfo: counted('info', (fd: number) => kernel!.tcpInfo(fd)),
      send: counted('send', (fd: number, message: Uint8Array) => kernel!.send(fd, message)),
      receive: counted('receive', (fd: number) => kernel!.receive(fd)),
      pendingError: counted('error', (fd: number) => kernel!.pendingError(fd)),
      resetConnection: counted('reset', (fd: number) => kernel!.resetConnection(fd)),
    });
    assertAnswered(await dnsProbe(targetOf(server), contextWith({ kernel: counting })));
    assert.deepEqual(calls, ['connect', 'info', 'send', 'receive', 'reset']);
  });

  it('sends the query in the same turn of the event loop if the handshake is that fast', async () => {
    await using server = await startTcpServer(good);
    let sent = 0;
    const watching = kernelWith({
      connectTcp: connectAtOnce,
      send(fd, message) {
        sent++;
        return kernel!.send(fd, message);
      },
    });
    const result = dnsProbe(targetOf(server), contextWith({ kernel: watching }));
    assert.equal(sent, 0);
    await setImmediate();
    assert.equal(sent, 1);
    assertAnswered(await result);
  });

  it('sends the query at a later look if the handshake takes longer', async () => {
    await using server = await startTcpServer(good);
    let looks = 0;
    const slow = kernelWith({
      connectTcp: (fd, to) => kernel!.connectTcp(fd, to) && looks > 2,
      tcpInfo: (fd) => ({ ...kernel!.tcpInfo(fd)!, isEstablished: ++looks > 2 }),
    });
    assertAnswered(await dnsProbe(targetOf(server), contextWith({ kernel: slow })));
    assert.equal(looks, 3);
  });

  it('makes no further call once it is aborted before its first look', async () => {
    await using server = await startTcpServer(good);
    const controller = new AbortController();
    const calls: string[] = [];
    const watching = kernelWith({
      tcpInfo(fd) {
        calls.push('info');
        return kernel!.tcpInfo(fd);
      },
    });
    const result = dnsProbe(targetOf(server), contextWith({ kernel: watching, signal: controller.signal }));
    controller.abort(new Error('removed'));
    await assert.rejects(result, { message: 'removed' });
    await setImmediate();
    assert.deepEqual(calls, []);
  });

  it('sends the query in one piece', async () => {
    const pieces: number[] = [];
    await using server = await startTcpServer(good);
    const watching = kernelWith({
      send(fd, message) {
        pieces.push(message.length);
        return kernel!.send(fd, message);
      },
    });
    await dnsProbe(targetOf(server), contextWith({ kernel: watching }));
    // Length, header, name, type and class.
    assert.deepEqual(pieces, [2 + 12 + 17 + 4]);
  });

  for (const count of [130, 3800])
    it(`reads an answer with ${count} addresses, which is longer than a read`, async () => {
      await using server = await startTcpServer((query, socket) => {
        const records = Array.from({ length: count }, () => addressRecord(query.name, query.type));
        const message = answer(query, { answers: records });
        assert.ok(message.length > 2048);
        socket.write(framed(message));
      });
      assertAnswered(await dnsProbe(targetOf(server, { name: 'a.' }), contextWith()));
    });

  it('does not count the time until it looks towards the timeout of a long search list', async () => {
    await using server = await startTcpServer((query, socket) =>
      socket.write(framed(query.name === 'a' ? goodAnswer(query) : answer(query, { rcode: 3 }))),
    );
    const resolver = { search: Array.from({ length: 8 }, (_, n) => `d${n}`), ndots: 5 };
    // Nine queries whose answers are looked for after 40 ms.
    const timeoutMs = 200;
    assertAnswered(await dnsProbe(targetOf(server, { name: 'a', resolver }), contextWith({ timeoutMs })));
    assert.equal(server.asked.length, 9);
  });
});

describe('a polled lookup over TCP with times that cannot be', () => {
  const cases: [string, Parameters<typeof kernelWith>[0]][] = [
    ['a handshake of an hour', { tcpInfo: (fd) => ({ ...kernel!.tcpInfo(fd)!, rttSeconds: 3600 }) }],
    ['a handshake that cannot be read', { tcpInfo: () => undefined }],
    ['an answer before the query', kernelReceiving(() => 1n)],
    ['an answer in the future', kernelReceiving((at) => at + 3_600_000_000_000n)],
    ['an answer without a time', kernelReceiving(() => undefined)],
  ];
  for (const [what, replaced] of cases)
    it(`has no latency, and counts it: ${what}`, async () => {
      await using server = await startTcpServer(good);
      const refusals = kernel!.refusals;
      const result = await dnsProbe(targetOf(server), contextWith({ kernel: kernelWith(replaced) }));
      assert.deepEqual(result, without());
      assert.equal(kernel!.refusals, refusals + 1);
    });

  for (const step of [3_600_000_000_000n, -3_600_000_000_000n, 500_000n, -500_000n])
    it(`has no latency if the system’s clock is set by ${step} ns before the answer comes`, async () => {
      await using server = await startTcpServer(good);
      let sent = false;
      const setting = kernelWith({
        now: () => kernel!.now() + (sent ? step : 0n),
        send(fd, message) {
          const at = kernel!.send(fd, message);
          sent = true;
          return at;
        },
        ...kernelReceiving((at) => at + step),
      });
      const refusals = kernel!.refusals;
      assert.deepEqual(await dnsProbe(targetOf(server), contextWith({ kernel: setting })), without());
      assert.equal(kernel!.refusals, refusals + 1);
    });

  it('fails for what the answer says all the same', async () => {
    await using server = await startTcpServer((query, socket) => socket.write(framed(answer(query, { rcode: 2 }))));
    const lying = kernelWith(kernelReceiving(() => 1n));
    assert.deepEqual(await dnsProbe(targetOf(server), contextWith({ kernel: lying })), without(['servfail']));
  });
});

describe('the timeout of a polled lookup over TCP', () => {
  it('holds for the time of the kernel: an answer that came later is late, although a look finds it', async () => {
    await using server = await startTcpServer(good);
    const late = kernelWith({ ...kernelReceiving((at) => at + 1_000_000_000n), believe: (seconds) => seconds });
    const context = (timeoutMs: number) => contextWith({ kernel: late, timeoutMs });
    assertAnswered(await dnsProbe(targetOf(server), context(10_000)));
    assert.deepEqual(await dnsProbe(targetOf(server), context(900)), without(['timeout']));
  });

  it('holds for the handshake, too', async () => {
    await using server = await startTcpServer(good);
    const slow = kernelWith({
      tcpInfo: (fd) => ({ ...kernel!.tcpInfo(fd)!, rttSeconds: 1 }),
      believe: (seconds) => seconds,
    });
    const result = await dnsProbe(targetOf(server), contextWith({ kernel: slow, timeoutMs: 900 }));
    assert.deepEqual([result, server.asked], [without(['timeout']), []]);
  });

  it('looks ever more rarely for an answer that does not come', async () => {
    await using server = await startTcpServer(() => {});
    let reads = 0;
    const counting = kernelWith({
      receive(fd) {
        reads++;
        return kernel!.receive(fd);
      },
    });
    const result = await dnsProbe(targetOf(server), contextWith({ kernel: counting, timeoutMs: 1000 }));
    assert.deepEqual(result, without(['timeout']));
    // After 20, 60, 140, 300, 620, 960 and 1000 ms; fewer if the process is delayed.
    assert.ok(reads >= 2 && reads <= 8, `${reads}`);
  });
});

describe('a polled lookup over TCP at a server that misbehaves', () => {
  it('reads a bounded number of times a look, however fast single octets come', async () => {
    await using server = await startTcpServer(() => {});
    let reads = 0;
    let now = 0n;
    const most = { reads: 0, looks: 0 };
    const trickling = kernelWith({
      receive() {
        // Of one look, all reads are within one turn of the event loop.
        if (reads === 0)
          setImmediate(() => {
            most.reads = Math.max(most.reads, reads);
            most.looks++;
            reads = 0;
          });
        reads++;
        now++;
        return { message: Buffer.of(255), receivedAt: now };
      },
    });
    const result = await dnsProbe(targetOf(server), contextWith({ kernel: trickling, timeoutMs: 500 }));
    assert.deepEqual(result, without(['timeout']));
    assert.ok(most.reads <= 80 && most.looks <= 8, JSON.stringify(most));
  });

  it('takes no data after the most that two messages can have', async () => {
    await using server = await startTcpServer(() => {});
    let bytes = 0;
    const pouring = kernelWith({
      receive() {
        bytes += 2048;
        return { message: Buffer.alloc(2048, 255), receivedAt: 1n };
      },
    });
    const result = await dnsProbe(targetOf(server), contextWith({ kernel: pouring }));
    assert.deepEqual(result, without(['malformed']));
    assert.ok(bytes <= 2 * (2 + 65_535) + 2048, `${bytes}`);
  });

  it('calls a server that closes or resets before it is asked malformed or refused, which is no refused time', async () => {
    const refusals = kernel!.refusals;
    for (const [close, reason] of [
      ['end', 'malformed'],
      ['resetAndDestroy', 'refused'],
    ] as const) {
      const server = createServer((socket) => void socket.on('error', () => {})[close]()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const target = targetOf({ host: '127.0.0.1', port });
      assert.deepEqual(await dnsProbe(target, contextWith()), without([reason]));
      server.close();
    }
    assert.equal(kernel!.refusals, refusals);
  });
});

describe('a polled lookup over TCP whose call fails', () => {
  for (const call of ['connectTcp', 'send', 'receive'] as const) {
    const failing = (code: string, times: number) => {
      let left = times;
      return kernelWith({
        [call]: (...given: never[]) => {
          if (left-- > 0) throw new KernelCallError(call, code);
          return (kernel![call] as (...given: never[]) => unknown)(...given);
        },
      });
    };

    it(`calls again, because the error may be that of another call (${call})`, async () => {
      await using server = await startTcpServer(good);
      assertAnswered(await dnsProbe(targetOf(server), contextWith({ kernel: failing('ENOENT', 1) })));
    });

    it(`rejects if it is the agent’s own fault (${call})`, async () => {
      await using server = await startTcpServer(good);
      const context = contextWith({ kernel: failing('ENOMEM', 2) });
      await assert.rejects(dnsProbe(targetOf(server), context), { code: 'ENOMEM' });
    });

    it(`fails for an error of the network (${call})`, async () => {
      await using server = await startTcpServer(good);
      const context = contextWith({ kernel: failing('EHOSTUNREACH', 1) });
      assert.deepEqual(await dnsProbe(targetOf(server), context), without(['unreachable']));
    });
  }
});
