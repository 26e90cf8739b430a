import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import packet from 'dns-packet';
import fc from 'fast-check';
import { KernelCallError } from '../../../../../src/agent/kernel/kernel.ts';
import { type DnsSubject, dnsProbe } from '../../../../../src/agent/probes/dns/dns-probe.ts';
import type { ProbeResult } from '../../../../../src/agent/probes/probe.ts';
import type { FailureReason } from '../../../../../src/contract/failure-reason.ts';
import { eventually } from '../../eventually.ts';
import { pour } from '../../servers/dns-misbehaviours.ts';
import {
  addressRecord,
  answer,
  type DnsServer,
  framed,
  goodAnswer,
  type ReceivedQuery,
  startTcpServer,
  startUdpServer,
  type TcpBehaviour,
  type UdpBehaviour,
} from '../../servers/dns-server.ts';
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

/** Enough for an answer from this machine, little enough to wait for in vain. */
const shortMs = 250;

function targetOf({ host, port }: { host: string; port: number }, given: Partial<DnsSubject> = {}): DnsSubject {
  return {
    name: 'api.example.com.',
    server: { host, port },
    protocol: 'UDP',
    type: 'A',
    resolver: { search: [], ndots: 1 },
    ...given,
  };
}

/** Of a lookup that was answered, if nobody knows when. */
const unknown: ProbeResult = { latencies: [], failures: [], retransmits: 0, timing: 'kernel' };

function failed(reason: FailureReason, timing: ProbeResult['timing']): ProbeResult {
  return { latencies: [], failures: [reason], retransmits: 0, timing };
}

function assertAnswered({ latencies, ...rest }: ProbeResult, timing: ProbeResult['timing'], withinSeconds = 5): void {
  assert.deepEqual(rest, { failures: [], retransmits: 0, timing });
  assert.equal(latencies.length, 1);
  assert.ok(latencies[0]! > 0 && latencies[0]! < withinSeconds, String(latencies));
}

const good: UdpBehaviour = (query, send) => send(goodAnswer(query));
const goodTcp: TcpBehaviour = (query, socket) => socket.write(framed(goodAnswer(query)));

describe('dnsProbe over UDP', () => {
  for (const { source, kernel } of timings)
    for (const host of ['127.0.0.1', '::1'])
      for (const type of ['A', 'AAAA'] as const)
        it(`reports one latency by the ${source} for an answer of type ${type} from ${host}`, async () => {
          await using server = await startUdpServer(good, host);
          assertAnswered(await dnsProbe(targetOf(server, { type }), contextWith({ kernel })), source);
          assert.deepEqual(server.asked, [`${type} api.example.com`]);
        });

  it('reports the time of the kernel, which is shorter than that of the clock for the same exchange', async () => {
    await using server = await startUdpServer(good);
    const { kernel, weighed } = recordingKernel();
    const { latencies } = await dnsProbe(targetOf(server), contextWith({ kernel }));
    assert.equal(weighed.length, 1);
    assert.equal(latencies[0], weighed[0]!.seconds);
    assert.ok(weighed[0]!.seconds! < weighed[0]!.elapsedSeconds, JSON.stringify(weighed));
  });

  it('does not call an answer late that came while the event loop stood still', async () => {
    // Longer than the timeout, with the answer waiting in the probe's socket.
    const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * shortMs);
    await using server = await startUdpServer((query, send) => send(goodAnswer(query), standStill));
    assertAnswered(await dnsProbe(targetOf(server), contextWith({ timeoutMs: shortMs })), 'kernel', shortMs / 1000);
  });

  it('takes another socket and another id each time', async () => {
    await using server = await startUdpServer(good);
    for (let turn = 0; turn < 20; turn++) await dnsProbe(targetOf(server), contextWith());
    assert.ok(new Set(server.sources.map(({ port }) => port)).size > 10);
    assert.ok(new Set(server.sources.map(({ id }) => id)).size > 10);
  });

  it('refuses a time that cannot be, counts it and has no latency', async () => {
    await using server = await startUdpServer(good);
    for (const receivedAt of [() => 0n, () => 1n << 62n]) {
      const refusals = kernel!.refusals;
      const result = await dnsProbe(targetOf(server), contextWith({ kernel: kernelWith({ receivedAt }) }));
      assert.deepEqual(result, unknown);
      assert.equal(kernel!.refusals, refusals + 1);
    }
  });
});

describe('dnsProbe over UDP with an answer that is too large for it', () => {
  const truncating: UdpBehaviour = (query, send) => send(answer(query, { flags: packet.TRUNCATED_RESPONSE }));
  /** 40 addresses, as a headless Service with 40 pods has. */
  const many: TcpBehaviour = (query, socket) => {
    const { name, type } = query;
    const records = Array.from({ length: 40 }, (_, n) => ({ ...addressRecord(name, type), data: `10.0.0.${n}` }));
    socket.write(framed(answer(query, { answers: records as ReturnType<typeof addressRecord>[] })));
  };
  /** A server whose two halves share a port. */
  async function startBoth(tcp: TcpBehaviour) {
    const stream = await startTcpServer(tcp);
    const datagrams = await startUdpServer(truncating, '127.0.0.1', stream.port);
    return {
      ...{ host: '127.0.0.1', port: stream.port, stream, datagrams },
      async [Symbol.asyncDispose]() {
        await datagrams[Symbol.asyncDispose]();
        await stream[Symbol.asyncDispose]();
      },
    };
  }

  it('asks again over TCP, and reports the sum as one latency', async () => {
    await using server = await startBoth((query, socket) => void setTimeout(() => many(query, socket), 50));
    for (const { source, kernel } of timings) {
      const result = await dnsProbe(targetOf(server), contextWith({ kernel }));
      assertAnswered(result, source);
      assert.ok(result.latencies[0]! > 0.045, String(result.latencies));
    }
    assert.deepEqual([server.datagrams.asked.length, server.stream.asked.length], [2, 2]);
  });

  it('calls it truncated when nothing listens there, and when no answer comes within the same timeout', async () => {
    await using silent = await startBoth(() => {});
    await using udpOnly = await startUdpServer(truncating);
    const startedAt = performance.now();
    for (const server of [silent, udpOnly])
      assert.deepEqual(
        await dnsProbe(targetOf(server), contextWith({ timeoutMs: shortMs })),
        failed('truncated', 'kernel'),
      );
    assert.ok(performance.now() - startedAt < 2 * shortMs + 5000);
  });

  it('takes the error that the server gives over TCP', async () => {
    await using server = await startBoth((query, socket) => socket.write(framed(answer(query, { rcode: 2 }))));
    assert.deepEqual((await dnsProbe(targetOf(server), contextWith())).failures, ['servfail']);
  });

  it('does not go on asking where TCP truncates, too', async () => {
    await using server = await startBoth((query, socket) =>
      socket.write(framed(answer(query, { flags: packet.TRUNCATED_RESPONSE }))),
    );
    assert.deepEqual((await dnsProbe(targetOf(server), contextWith())).failures, ['truncated']);
    assert.equal(server.stream.asked.length, 1);
  });
});

describe('dnsProbe over UDP at a server that misbehaves', () => {
  const faults: [string, FailureReason, UdpBehaviour][] = [
    ['says nothing', 'timeout', () => {}],
    ['answers NXDOMAIN', 'nxdomain', (query, send) => send(answer(query, { rcode: 3 }))],
    ['answers SERVFAIL', 'servfail', (query, send) => send(answer(query, { rcode: 2 }))],
    ['answers REFUSED', 'rcode', (query, send) => send(answer(query, { rcode: 5 }))],
    [
      'answers FORMERR without the question',
      'rcode',
      (query, send) => send(answer(query, { rcode: 1, questions: [] })),
    ],
    ['answers NOTIMP', 'rcode', (query, send) => send(answer(query, { rcode: 4 }))],
    ['has no data', 'nodata', (query, send) => send(answer(query))],
    ['truncates', 'truncated', (query, send) => send(answer(query, { flags: packet.TRUNCATED_RESPONSE }))],
    ['breaks off in the records', 'malformed', (query, send) => send(goodAnswer(query).subarray(0, -3))],
    [
      'answers with another id only',
      'malformed',
      (query, send) => send(goodAnswer(query, { id: query.packet.id! ^ 1 })),
    ],
    [
      'answers another question only',
      'malformed',
      (query, send) => send(goodAnswer(query, { name: 'other.example.' })),
    ],
    ['sends the query back', 'malformed', (query, send) => send(query.message)],
    ['sends an empty datagram', 'malformed', (_, send) => send(Buffer.alloc(0))],
  ];
  for (const [what, reason, behaviour] of faults)
    for (const { source, kernel } of timings)
      it(`calls one that ${what} ${reason} (${source})`, async () => {
        await using server = await startUdpServer(behaviour);
        assert.deepEqual(
          await dnsProbe(targetOf(server), contextWith({ kernel, timeoutMs: shortMs })),
          failed(reason, source),
        );
      });

  it('waits for the answer when forged ones come first', async () => {
    await using server = await startUdpServer((query, send) => {
      send(Buffer.from('nonsense'));
      send(goodAnswer(query, { id: query.packet.id! ^ 1 }));
      send(answer(query, { rcode: 3, name: 'other.example.' }));
      send(answer(query, { rcode: 3, id: query.packet.id! ^ 2 }));
      send(goodAnswer(query));
    });
    for (const { source, kernel } of timings)
      assertAnswered(await dnsProbe(targetOf(server), contextWith({ kernel })), source);
  });

  it('waits for the answer if a hundred messages with other ids come first, which need no guess', async () => {
    await using server = await startUdpServer((query, send) => {
      for (let n = 1; n <= 100; n++) send(answer(query, { rcode: 3, id: query.packet.id! ^ n }));
      send(goodAnswer(query));
    });
    assertAnswered(await dnsProbe(targetOf(server), contextWith()), 'kernel');
  });

  it('ends after sixteen messages with its id that are not the answer', async () => {
    await using server = await startUdpServer((query, send) => {
      for (let n = 1; n <= 16; n++) send(goodAnswer(query, { name: 'other.example.' }));
    });
    const startedAt = performance.now();
    const result = await dnsProbe(targetOf(server), contextWith({ timeoutMs: 60_000 }));
    assert.deepEqual(result, failed('malformed', 'kernel'));
    assert.ok(performance.now() - startedAt < 30_000);
  });

  for (const [whose, address] of [
    ['another port of the server', '127.0.0.1'],
    ['another address at the same port', '127.0.0.2'],
  ] as const)
    it(`hears nobody but the server: ${whose}`, async () => {
      const stranger = createSocket('udp4');
      await using server = await startUdpServer((query, send, client) =>
        stranger.send(answer(query, { rcode: 3 }), client.port, client.address, () => send(goodAnswer(query))),
      );
      await using silent = await startUdpServer((query, _, client) =>
        stranger.send(goodAnswer(query), client.port, client.address),
      );
      try {
        stranger.bind(address === '127.0.0.1' ? 0 : silent.port, address);
        await once(stranger, 'listening');
        for (const { source, kernel } of timings) {
          assertAnswered(await dnsProbe(targetOf(server), contextWith({ kernel })), source);
          const context = contextWith({ kernel, timeoutMs: shortMs });
          assert.deepEqual(await dnsProbe(targetOf(silent), context), failed('timeout', source));
        }
      } finally {
        stranger.close();
      }
    });

  it('calls a port without a server refused', async () => {
    for (const { source, kernel } of timings)
      for (const host of ['127.0.0.1', '::1'])
        assert.deepEqual(
          await dnsProbe(targetOf({ host, port: await freeUdpPort(host) }), contextWith({ kernel })),
          failed('refused', source),
        );
  });

  it('takes any octets for an answer without failing or waiting longer than it may', async () => {
    let next: Uint8Array = Buffer.alloc(0);
    await using server = await startUdpServer((query, send) => {
      // Half of them behind the right id, so that more than the header is read.
      send(next);
      send(Buffer.concat([query.message.subarray(0, 2), next]));
    });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1_200 }), async (bytes) => {
        next = bytes;
        const { latencies, failures } = await dnsProbe(targetOf(server), contextWith({ timeoutMs: 20 }));
        return latencies.length + failures.length === 1;
      }),
      { numRuns: 40 },
    );
  });
});

describe('dnsProbe over TCP', () => {
  const target = (server: DnsServer, given: Partial<DnsSubject> = {}) =>
    targetOf(server, { protocol: 'TCP', ...given });

  for (const { source, kernel } of timings)
    for (const host of ['127.0.0.1', '::1'] as const)
      it(`reports one latency, of handshake and answer, from ${host} (${source})`, async () => {
        await using server = await startTcpServer(goodTcp, host);
        assertAnswered(await dnsProbe(target(server), contextWith({ kernel })), source);
        await eventually(
          () => tcpStates(server.port, host).join() === '0A',
          () => `states ${tcpStates(server.port, host)}`,
        );
      });

  it('does not call an answer late that came while the event loop stood still', async () => {
    const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * shortMs);
    await using server = await startTcpServer((query, socket) =>
      socket.write(framed(goodAnswer(query)), () => standStill()),
    );
    assertAnswered(await dnsProbe(target(server), contextWith({ timeoutMs: shortMs })), 'kernel', shortMs / 1000);
  });

  it('puts an answer together that comes octet by octet', async () => {
    await using server = await startTcpServer((query, socket) => {
      socket.setNoDelay();
      const octets = [...framed(goodAnswer(query))];
      const next = () => {
        const octet = octets.shift();
        if (octet !== undefined) socket.write(Buffer.of(octet), () => setImmediate(next));
      };
      next();
    });
    for (const { source, kernel } of timings)
      assertAnswered(await dnsProbe(target(server), contextWith({ kernel })), source);
  });

  it('finds the answer behind messages that are not', async () => {
    await using server = await startTcpServer((query, socket) =>
      socket.write(
        Buffer.concat([
          framed(Buffer.alloc(0)),
          framed(Buffer.from('nonsense')),
          framed(answer(query, { rcode: 3, id: query.packet.id! ^ 1 })),
          framed(goodAnswer(query)),
        ]),
      ),
    );
    for (const { source, kernel } of timings)
      assertAnswered(await dnsProbe(target(server), contextWith({ kernel })), source);
  });

  it('finds the answer behind fifteen messages, however they and it are cut into pieces', async () => {
    await using server = await startTcpServer(async (query, socket) => {
      socket.setNoDelay();
      const others = Array.from({ length: 15 }, (_, n) => framed(Buffer.alloc(n * n)));
      const stream = Buffer.concat([...others, framed(goodAnswer(query))]);
      for (let at = 0, length = 1; at < stream.length; at += length, length = (length * 7 + 1) % 61) {
        await new Promise((sent) => socket.write(stream.subarray(at, at + length), sent));
        await new Promise(setImmediate);
      }
    });
    for (const { source, kernel } of timings)
      assertAnswered(await dnsProbe(target(server), contextWith({ kernel })), source);
  });

  it('takes an answer for one although the server closes or resets right behind it', async () => {
    for (const close of ['end', 'reset'] as const) {
      await using server = await startTcpServer((query, socket) =>
        socket.write(framed(goodAnswer(query)), () => (close === 'end' ? socket.end() : socket.resetAndDestroy())),
      );
      for (const { source, kernel } of timings)
        assertAnswered(await dnsProbe(target(server), contextWith({ kernel })), source);
    }
  });

  const faults: [string, FailureReason, TcpBehaviour][] = [
    ['says nothing', 'timeout', () => {}],
    ['stops in the middle', 'timeout', (query, socket) => socket.write(framed(goodAnswer(query)).subarray(0, -3))],
    ['closes without an answer', 'malformed', (_, socket) => socket.end()],
    ['closes in the middle', 'malformed', (query, socket) => socket.end(framed(goodAnswer(query)).subarray(0, -3))],
    ['resets', 'refused', (_, socket) => socket.resetAndDestroy()],
    ['answers NXDOMAIN', 'nxdomain', (query, socket) => socket.write(framed(answer(query, { rcode: 3 })))],
    ['answers SERVFAIL', 'servfail', (query, socket) => socket.write(framed(answer(query, { rcode: 2 })))],
    ['answers REFUSED', 'rcode', (query, socket) => socket.write(framed(answer(query, { rcode: 5 })))],
    ['has no data', 'nodata', (query, socket) => socket.write(framed(answer(query)))],
    [
      'truncates',
      'truncated',
      (query, socket) => socket.write(framed(answer(query, { flags: packet.TRUNCATED_RESPONSE }))),
    ],
    [
      'breaks off in the records',
      'malformed',
      (query, socket) => socket.write(framed(goodAnswer(query).subarray(0, -3))),
    ],
    [
      'answers with another id only',
      'malformed',
      (query, socket) => socket.write(framed(goodAnswer(query, { id: query.packet.id! ^ 1 }))),
    ],
    [
      'answers another question only',
      'malformed',
      (query, socket) => socket.write(framed(goodAnswer(query, { type: 'MX' }))),
    ],
    ['pours out octets without end', 'malformed', (_, socket) => pour(socket)],
    [
      'sends sixteen other messages before the answer',
      'malformed',
      (query, socket) => {
        const others = Array.from({ length: 16 }, (_, n) => framed(Buffer.alloc(n)));
        socket.write(Buffer.concat([...others, framed(goodAnswer(query))]));
      },
    ],
  ];
  for (const [what, reason, behaviour] of faults)
    for (const { source, kernel } of timings)
      it(`calls one that ${what} ${reason} (${source})`, async () => {
        await using server = await startTcpServer(behaviour);
        const timeoutMs = reason === 'timeout' || what.includes('only') ? shortMs : 10_000;
        assert.deepEqual(await dnsProbe(target(server), contextWith({ kernel, timeoutMs })), failed(reason, source));
      });

  it('calls a port without a server refused', async () => {
    const server = await startTcpServer(goodTcp);
    await server[Symbol.asyncDispose]();
    for (const { source, kernel } of timings)
      assert.deepEqual(await dnsProbe(target(server), contextWith({ kernel })), failed('refused', source));
  });

  it('takes any octets for an answer without failing or waiting longer than it may', async () => {
    let next: Uint8Array = Buffer.alloc(0);
    let close = false;
    await using server = await startTcpServer((query, socket) => {
      socket.write(Buffer.concat([framed(Buffer.concat([query.message.subarray(0, 2), next])), next]));
      if (close) socket.end();
    });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1_200 }), fc.boolean(), async (bytes, closes) => {
        next = bytes;
        close = closes;
        const { latencies, failures } = await dnsProbe(target(server), contextWith({ timeoutMs: 20 }));
        return latencies.length + failures.length === 1;
      }),
      { numRuns: 40 },
    );
  });
});

describe('dnsProbe of a name that is looked up through the search list', () => {
  const resolver = { search: ['ns.svc.cluster.local', 'svc.cluster.local'], ndots: 5 };
  const name = 'kubernetes.default';
  /** A server that knows what is given and answers NXDOMAIN to all else. */
  const zone =
    (known: Record<string, (query: ReceivedQuery) => Buffer>): UdpBehaviour =>
    (query, send) =>
      send(known[`${query.type} ${query.name}`]?.(query) ?? answer(query, { rcode: 3 }));

  for (const { source, kernel } of timings)
    it(`is one attempt whose latency holds all questions (${source})`, async () => {
      await using server = await startUdpServer((query, send) => {
        // Two names that are not there, each answered late, so that a sum differs from the last question alone.
        if (query.name === 'kubernetes.default.svc.cluster.local') send(goodAnswer(query));
        else setTimeout(() => send(answer(query, { rcode: 3 })), 60);
      });
      const [latency] = (await dnsProbe(targetOf(server, { name, resolver }), contextWith({ kernel }))).latencies;
      assert.deepEqual(server.asked, [
        'A kubernetes.default.ns.svc.cluster.local',
        'A kubernetes.default.svc.cluster.local',
      ]);
      assert.ok(latency! > 0.05, String(latency));
    });

  it('asks for each name once, over one protocol, and calls it NXDOMAIN when none is there', async () => {
    const asked = [
      'A kubernetes.default.ns.svc.cluster.local',
      'A kubernetes.default.svc.cluster.local',
      'A kubernetes.default',
    ];
    await using udp = await startUdpServer(zone({}));
    assert.deepEqual(await dnsProbe(targetOf(udp, { name, resolver }), contextWith()), failed('nxdomain', 'kernel'));
    assert.deepEqual(udp.asked, asked);
    await using tcp = await startTcpServer((query, socket) => socket.write(framed(answer(query, { rcode: 3 }))));
    assert.deepEqual(
      await dnsProbe(targetOf(tcp, { name, resolver, protocol: 'TCP' }), contextWith()),
      failed('nxdomain', 'kernel'),
    );
    assert.deepEqual(tcp.asked, asked);
  });

  it('goes on after an answer without data and after SERVFAIL, and says so when nothing better comes', async () => {
    const servfail = (query: ReceivedQuery) => answer(query, { rcode: 2 });
    await using found = await startUdpServer(
      zone({
        'A kubernetes.default.ns.svc.cluster.local': servfail,
        'A kubernetes.default.svc.cluster.local': answer,
        'A kubernetes.default': goodAnswer,
      }),
    );
    assertAnswered(await dnsProbe(targetOf(found, { name, resolver }), contextWith()), 'kernel');
    await using broken = await startUdpServer(zone({ 'A kubernetes.default.svc.cluster.local': servfail }));
    assert.deepEqual(await dnsProbe(targetOf(broken, { name, resolver }), contextWith()), failed('servfail', 'kernel'));
    await using empty = await startUdpServer(
      zone({ 'A kubernetes.default.ns.svc.cluster.local': servfail, 'A kubernetes.default.svc.cluster.local': answer }),
    );
    assert.deepEqual(await dnsProbe(targetOf(empty, { name, resolver }), contextWith()), failed('nodata', 'kernel'));
  });

  it('ends at a timeout or a refusal', async () => {
    await using silent = await startUdpServer(() => {});
    const context = contextWith({ timeoutMs: shortMs });
    assert.deepEqual(await dnsProbe(targetOf(silent, { name, resolver }), context), failed('timeout', 'kernel'));
    assert.equal(silent.asked.length, 1);
    await using refusing = await startUdpServer((query, send) => send(answer(query, { rcode: 5 })));
    assert.deepEqual(await dnsProbe(targetOf(refusing, { name, resolver }), contextWith()), failed('rcode', 'kernel'));
    assert.equal(refusing.asked.length, 1);
  });

  it('has one timeout for the whole lookup', async () => {
    await using server = await startUdpServer(
      (query, send) => void setTimeout(() => send(answer(query, { rcode: 3 })), 100),
    );
    const long = { search: Array.from({ length: 20 }, (_, index) => `d${index}`), ndots: 5 };
    assert.deepEqual(
      await dnsProbe(targetOf(server, { name, resolver: long }), contextWith({ timeoutMs: 350 })),
      failed('timeout', 'kernel'),
    );
    assert.ok(server.asked.length < 6, String(server.asked));
  });

  for (const [type, other] of [
    ['A', 'AAAA'],
    ['AAAA', 'A'],
  ] as const) {
    it(`takes no error from ${type} at a name that has ${other} only, and asks no further names`, async () => {
      await using server = await startUdpServer(
        zone({
          [`${type} kubernetes.default.svc.cluster.local`]: answer,
          [`${other} kubernetes.default.svc.cluster.local`]: goodAnswer,
        }),
      );
      assertAnswered(await dnsProbe(targetOf(server, { name, resolver, type }), contextWith()), 'kernel');
      assert.deepEqual(server.asked, [
        `${type} kubernetes.default.ns.svc.cluster.local`,
        `${type} kubernetes.default.svc.cluster.local`,
        `${other} kubernetes.default.svc.cluster.local`,
      ]);
    });

    it(`calls ${type} at a name that has neither no data`, async () => {
      await using server = await startUdpServer((query, send) => send(answer(query)));
      assert.deepEqual(await dnsProbe(targetOf(server, { type }), contextWith()), failed('nodata', 'kernel'));
      assert.deepEqual(server.asked, [`${type} api.example.com`, `${other} api.example.com`]);
    });
  }

  it('does not hold the answer to A against AAAA when there is none, and does not time it', async () => {
    await using server = await startUdpServer((query, send) => {
      if (query.type === 'AAAA') send(answer(query));
    });
    const context = contextWith({ timeoutMs: shortMs });
    assertAnswered(await dnsProbe(targetOf(server, { type: 'AAAA' }), context), 'kernel', shortMs / 1000);
  });

  it('fails like AAAA, which may have no probe of its own, at a name without A records', async () => {
    await using server = await startUdpServer((query, send) => {
      if (query.type === 'A') send(answer(query));
    });
    const context = contextWith({ timeoutMs: shortMs });
    assert.deepEqual(await dnsProbe(targetOf(server), context), failed('timeout', 'kernel'));
    assert.deepEqual(server.asked, ['A api.example.com', 'AAAA api.example.com']);
  });

  it('follows a CNAME to its address', async () => {
    await using server = await startUdpServer((query, send) =>
      send(
        answer(query, {
          answers: [
            { name: query.name, type: 'CNAME', data: 'edge.example.net', ttl: 5, class: 'IN' },
            addressRecord('edge.example.net', query.type),
          ],
        }),
      ),
    );
    assertAnswered(await dnsProbe(targetOf(server), contextWith()), 'kernel');
  });

  it('rejects a name that cannot be asked for', async () => {
    const broken = targetOf({ host: '127.0.0.1', port: 1 }, { name: 'a..b.' });
    await assert.rejects(dnsProbe(broken, contextWith()), { code: 'InvalidDnsName' });
  });
});

describe('dnsProbe through a network that loses packets', () => {
  let namespace: NetworkNamespace;
  before(async () => {
    namespace = await NetworkNamespace.create();
  });
  after(() => namespace[Symbol.asyncDispose]());
  const targetThere = (host: string, protocol: DnsSubject['protocol']) => targetOf({ host, port: 5353 }, { protocol });

  it('calls a black hole a timeout', async () => {
    await namespace.filter(['meta l4proto { tcp, udp } th dport 5353 drop']);
    for (const host of [namespace.address4, namespace.address6])
      for (const { source, kernel } of timings) {
        const context = contextWith({ kernel, timeoutMs: shortMs });
        assert.deepEqual(await dnsProbe(targetThere(host, 'UDP'), context), failed('timeout', source));
        assert.deepEqual(await dnsProbe(targetThere(host, 'TCP'), context), failed('timeout', source));
      }
  });

  it('calls a host that a router cannot reach unreachable', async () => {
    await namespace.filter(['meta l4proto { tcp, udp } th dport 5353 reject with icmpx type host-unreachable']);
    for (const host of [namespace.address4, namespace.address6]) {
      assert.deepEqual(await dnsProbe(targetThere(host, 'UDP'), contextWith()), failed('unreachable', 'kernel'));
      assert.deepEqual((await dnsProbe(targetThere(host, 'TCP'), contextWith())).failures, ['unreachable']);
    }
  });

  it('counts the SYNs sent again', async () => {
    await namespace.filter(['tcp dport 5353 drop']);
    const { failures, retransmits } = await dnsProbe(
      targetThere(namespace.address4, 'TCP'),
      contextWith({ timeoutMs: 1_600 }),
    );
    assert.deepEqual({ failures, retransmits }, { failures: ['timeout'], retransmits: 1 });
  });
});

describe('dnsProbe and its descriptors', () => {
  for (const protocol of ['UDP', 'TCP'] as const) {
    it(`rejects with the reason when aborted, and keeps none (${protocol})`, async () => {
      await using server = await (protocol === 'UDP' ? startUdpServer(() => {}) : startTcpServer(() => {}));
      for (const { kernel } of timings) {
        const descriptors = openDescriptors();
        const controller = new AbortController();
        const probing = dnsProbe(targetOf(server, { protocol }), contextWith({ kernel, signal: controller.signal }));
        const rejected = assert.rejects(probing, { message: 'target gone' });
        const asked = server.asked.length;
        await eventually(
          () => server.asked.length > asked,
          () => 'not asked',
        );
        controller.abort(new Error('target gone'));
        await rejected;
        await eventually(
          () => openDescriptors() <= descriptors,
          () => `${openDescriptors()} descriptors, ${descriptors} before`,
        );
      }
    });

    it(`does not even begin when it is aborted already (${protocol})`, async () => {
      const target = targetOf({ host: '127.0.0.1', port: 1 }, { protocol });
      await assert.rejects(
        dnsProbe(target, contextWith({ signal: AbortSignal.abort('gone') })),
        (error) => error === 'gone',
      );
    });
  }

  it('keeps none after answers, refusals and timeouts', async () => {
    await using server = await startUdpServer(
      (query, send) => query.name.startsWith('good') && send(goodAnswer(query)),
    );
    const port = await freeUdpPort('127.0.0.1');
    const descriptors = openDescriptors();
    for (const { kernel } of timings)
      for (let turn = 0; turn < 5; turn++) {
        const context = contextWith({ kernel, timeoutMs: 20 });
        await dnsProbe(targetOf(server, { name: 'good.' }), context);
        await dnsProbe(targetOf(server, { name: 'bad.' }), context);
        await dnsProbe(targetOf({ host: '127.0.0.1', port }), context);
      }
    await eventually(
      () => openDescriptors() <= descriptors,
      () => `${openDescriptors()} descriptors, ${descriptors} before`,
    );
  });

  it('rejects when there is none left, which is no fault of the network', async () => {
    const exhausted = kernelWith({
      openUdpSocket: () => {
        throw new KernelCallError('socket', 'EMFILE');
      },
      openStampedTcpSocket: () => {
        throw new KernelCallError('socket', 'EMFILE');
      },
    });
    for (const protocol of ['UDP', 'TCP'] as const) {
      const target = targetOf({ host: '127.0.0.1', port: 1 }, { protocol });
      await assert.rejects(dnsProbe(target, contextWith({ kernel: exhausted })), { code: 'EMFILE' });
    }
  });
});

async function freeUdpPort(host: string): Promise<number> {
  const server = await startUdpServer(() => {}, host);
  await server[Symbol.asyncDispose]();
  return server.port;
}
