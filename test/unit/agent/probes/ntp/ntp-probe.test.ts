import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { ProbeMetrics } from '../../../../../src/agent/metrics/probe-metrics.ts';
import type { NtpTarget } from '../../../../../src/agent/plan/targets.ts';
import { type NtpSubject, ntpProbe } from '../../../../../src/agent/probes/ntp/ntp-probe.ts';
import { type AddressAnswers, type AddressLookup, addressLookup } from '../../../../../src/agent/probes/peer-lookup.ts';
import type { ProbeContext } from '../../../../../src/agent/probes/probe.ts';
import { eventually } from '../../eventually.ts';
import { readSeries } from '../../exposition.ts';
import { NetworkNamespace } from '../../servers/network-namespace.ts';
import { type NtpBehaviour, ntpAnswer, shiftedAnswer, startNtpServer } from '../../servers/ntp-server.ts';
import { contextWith, kernel, kernelWith, openDescriptors, timings } from '../../servers/probe-context.ts';
import { startZoneServer } from '../../servers/zone-server.ts';

/** Enough for an answer from this machine, little enough to wait for in vain. */
const shortMs = 250;
const label = '{server="the-server:123"}';
const good: NtpBehaviour = (request, send) => send(ntpAnswer(request));
const noLookup: AddressLookup = () => assert.fail('an address is not looked up');
const resolver = { search: [], ndots: 1 };

function targetOf(subject: Partial<NtpSubject> & { host: string; port: number }): NtpTarget {
  const labels = { server: 'the-server:123' };
  return { probe: 'ntp', key: 'ntp', labels, subject: { resolver, ...subject }, intervalMs: 60_000, timeoutMs: 5000 };
}

/** What a turn moved: every series that is new, gone (undefined) or another, buckets aside. */
async function moved(
  server: Partial<NtpSubject> & { host: string; port: number },
  context: ProbeContext = contextWith(),
  lookup: AddressLookup = noLookup,
): Promise<Record<string, number | undefined>> {
  const registry = new Registry();
  const metrics = new ProbeMetrics(registry, context.kernel ? 'kernel' : 'clock');
  const target = targetOf(server);
  metrics.plan([target]);
  // Known from an earlier turn, so that it is seen when they go.
  const clock = { stratum: 7, offsetSeconds: 42 };
  metrics.record(target, { latencies: [], failures: [], retransmits: 0, timing: 'kernel', clock });
  const earlier = readSeries(await registry.metrics());
  metrics.record(target, await ntpProbe(lookup)(target.subject, context));
  const later = readSeries(await registry.metrics());
  const names = [...new Set([...earlier.keys(), ...later.keys()])].filter((name) => !name.includes('_bucket'));
  return Object.fromEntries(
    names.filter((name) => earlier.get(name) !== later.get(name)).map((name) => [name, later.get(name)]),
  );
}

const offsetAndStratumGone = { [`ntp_offset_seconds${label}`]: undefined, [`ntp_stratum${label}`]: undefined };
const failure = (reason: string) => ({
  [`ntp_sync_error_total${label}`]: 1,
  [`ntp_failures_total{reason="${reason}",server="the-server:123"}`]: 1,
  ...offsetAndStratumGone,
});

/** A success with this offset, and nothing beside it; `offset` undefined: none is known. */
function assertAnswered(found: Record<string, number | undefined>, offset: number | undefined, stratum = 2): void {
  const { [`ntp_latency_seconds_sum${label}`]: sum, [`ntp_offset_seconds${label}`]: shown, ...rest } = found;
  assert.deepEqual(rest, { [`ntp_latency_seconds_count${label}`]: 1, [`ntp_stratum${label}`]: stratum });
  assert.ok(sum! > 0 && sum! < 5, `${sum} s`);
  if (offset === undefined) assert.equal(shown, undefined);
  // Both clocks are this machine's; half a round trip, and the milliseconds in which the clock of the process is told.
  else assert.ok(Math.abs(shown! - offset) <= sum! / 2 + 0.005, `${shown} s, not ${offset}`);
}

describe('ntpProbe', () => {
  for (const { source, kernel } of timings)
    for (const host of ['127.0.0.1', '::1'])
      it(`measures latency, offset and stratum by the ${source} at ${host}`, async () => {
        await using server = await startNtpServer(good, host);
        const found = await moved(server, contextWith({ kernel }));
        assertAnswered(found, 0);
      });

  it('sends one request, which tells nothing of this machine and differs each time, from another port each time', async () => {
    await using server = await startNtpServer(good);
    for (let turn = 0; turn < 20; turn++) await ntpProbe(noLookup)(targetOf(server).subject, contextWith());
    assert.equal(server.requests.length, 20);
    for (const { message } of server.requests) {
      assert.deepEqual([message.length, message[0]], [48, 0x23]);
      assert.ok(message.subarray(4, 40).every((octet) => octet === 0));
    }
    assert.equal(new Set(server.requests.map(({ message }) => message.readBigUInt64BE(40))).size, 20);
    assert.ok(new Set(server.requests.map(({ port }) => port)).size > 10);
  });

  it('reports a clock that is an hour ahead or behind as that', async () => {
    for (const seconds of [3600, -3600]) {
      await using server = await startNtpServer((request, send) => send(shiftedAnswer(request, seconds)));
      for (const { kernel } of timings) assertAnswered(await moved(server, contextWith({ kernel })), seconds);
    }
  });

  it('counts the server’s own time into the latency, and not into the offset', async () => {
    await using server = await startNtpServer((request, send) => {
      const received = ntpAnswer(request).readBigUInt64BE(32);
      setTimeout(() => send(ntpAnswer(request, { receive: received })), 120);
    });
    const found = await moved(server);
    assert.ok(found[`ntp_latency_seconds_sum${label}`]! > 0.1, JSON.stringify(found));
    const offset = found[`ntp_offset_seconds${label}`]!;
    assert.ok(Math.abs(offset) < 0.05, `${offset} s`);
  });

  it('waits for the answer when forged ones come first', async () => {
    await using server = await startNtpServer((request, send) => {
      send(Buffer.from('nonsense'));
      send(ntpAnswer(request, { origin: 1n }));
      send(ntpAnswer(request, { origin: 0n, stratum: 0, reference: 'DENY' }));
      send(ntpAnswer(request));
    });
    for (const { kernel } of timings) assertAnswered(await moved(server, contextWith({ kernel })), 0);
  });
});

describe('ntpProbe at a server that lies or misbehaves', () => {
  const faults: [string, string, NtpBehaviour][] = [
    ['says nothing', 'timeout', () => {}],
    ['answers somebody else', 'malformed', (request, send) => send(ntpAnswer(request, { origin: 1n }))],
    ['sends the request back', 'malformed', (request, send) => send(request)],
    ['answers in another mode', 'malformed', (request, send) => send(ntpAnswer(request, { mode: 5 }))],
    ['answers in a version of long ago', 'malformed', (request, send) => send(ntpAnswer(request, { version: 2 }))],
    ['breaks off', 'malformed', (request, send) => send(ntpAnswer(request).subarray(0, 47))],
    ['sends a piece too much', 'malformed', (request, send) => send(Buffer.concat([ntpAnswer(request), Buffer.of(1)]))],
    ['sends garbage', 'malformed', (_, send) => send(Buffer.alloc(48, 0xff))],
    ['sends an empty datagram', 'malformed', (_, send) => send(Buffer.alloc(0))],
    ['leaves out its time', 'malformed', (request, send) => send(ntpAnswer(request, { transmit: 0n }))],
    [
      'sent the answer before the request came',
      'malformed',
      (request, send) => send(ntpAnswer(request, { receive: 2n ** 40n, transmit: 2n ** 40n - 1n })),
    ],
    [
      'took an hour for an answer of a moment',
      'malformed',
      (request, send) => send(ntpAnswer(request, { receive: 2n ** 40n, transmit: 2n ** 40n + 3600n * 2n ** 32n })),
    ],
    ['is at stratum 16', 'unsynchronized', (request, send) => send(ntpAnswer(request, { stratum: 16 }))],
    ['is at stratum 0', 'unsynchronized', (request, send) => send(ntpAnswer(request, { stratum: 0 }))],
    ['has its leap indicator at 3', 'unsynchronized', (request, send) => send(ntpAnswer(request, { leap: 3 }))],
    ['is far from its root', 'unsynchronized', (request, send) => send(ntpAnswer(request, { rootDispersion: 20 }))],
  ];
  for (const [what, reason, behaviour] of faults)
    for (const { source, kernel } of timings)
      it(`counts one that ${what} as ${reason} and nothing else (${source})`, async () => {
        await using server = await startNtpServer(behaviour);
        const context = contextWith({ kernel, timeoutMs: shortMs });
        assert.deepEqual(await moved(server, context), failure(reason));
      });

  for (const [reference, code] of [
    ['RATE', 'RATE'],
    ['DENY', 'DENY'],
    ['RSTR', 'RSTR'],
    ['CRYP', 'other'],
  ])
    it(`counts the kiss ${reference} by its code, and as a failure`, async () => {
      await using server = await startNtpServer((request, send) =>
        send(ntpAnswer(request, { stratum: 0, leap: 3, reference: reference! })),
      );
      assert.deepEqual(await moved(server), {
        ...failure('kiss_of_death'),
        [`ntp_kiss_of_death_total{code="${code}",server="the-server:123"}`]: 1,
      });
    });

  it('hears nobody but the server', async () => {
    const stranger = createSocket('udp4');
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    await using server = await startNtpServer((request, _, client) =>
      stranger.send(ntpAnswer(request), client.port, client.address),
    );
    try {
      for (const { kernel } of timings)
        assert.deepEqual(await moved(server, contextWith({ kernel, timeoutMs: shortMs })), failure('timeout'));
    } finally {
      stranger.close();
    }
  });

  it('calls a port without a server refused', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const server = await startNtpServer(() => {}, host);
      await server[Symbol.asyncDispose]();
      for (const { kernel } of timings)
        assert.deepEqual(await moved(server, contextWith({ kernel })), failure('refused'));
    }
  });

  it('takes any octets for an answer without failing or waiting longer than it may', async () => {
    let next: Uint8Array = Buffer.alloc(0);
    await using server = await startNtpServer((request, send) => {
      // Some of them behind the right cookie, so that more is read.
      const behind = Buffer.concat([next, Buffer.alloc(48)]);
      behind.writeBigUInt64BE(request.readBigUInt64BE(40), 24);
      send(next);
      send(behind);
    });
    const probe = ntpProbe(noLookup);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1_200 }), async (bytes) => {
        next = bytes;
        const { latencies, failures } = await probe(targetOf(server).subject, contextWith({ timeoutMs: 1000 }));
        return latencies.length + failures.length === 1;
      }),
      { numRuns: 100 },
    );
  });
});

describe('ntpProbe while the system’s clock is set between sending and receiving', () => {
  for (const seconds of [3600, -3600, 0.001, -0.001])
    it(`reports no offset and takes the monotonic clock for the latency (${seconds} s)`, async () => {
      await using server = await startNtpServer(good);
      const step = BigInt(seconds * 1e9);
      let sent = false;
      const shifted = (at: bigint | undefined) => (sent && at !== undefined ? at + step : at);
      const setting = kernelWith({
        now: () => shifted(kernel!.now())!,
        receivedAt: (fd) => shifted(kernel!.receivedAt(fd)),
        send: (fd, datagram) => {
          const at = kernel!.send(fd, datagram);
          sent = true;
          return at;
        },
      });
      const refusals = kernel!.refusals;
      const { 'net_exporter_timing_info{probe="ntp",protocol="UDP",source="clock"}': byClock, ...found } = await moved(
        server,
        contextWith({ kernel: setting }),
      );
      const { 'net_exporter_timing_info{probe="ntp",protocol="UDP",source="kernel"}': byKernel, ...rest } = found;
      assert.deepEqual([byClock, byKernel, kernel!.refusals], [1, undefined, refusals + 1]);
      assertAnswered(rest, undefined);
    });
});

describe('ntpProbe at a server that is named', () => {
  const named = (server: { port: number }) => ({ host: 'ntp.example.com', port: server.port });
  const answers =
    (given: Partial<AddressAnswers>): AddressLookup =>
    () =>
      Promise.resolve({ A: [], AAAA: [], ...given });

  it('looks the name up on the wire at the agent’s nameserver, through the search list', async () => {
    await using server = await startNtpServer(good);
    await using zone = await startZoneServer(new Map([['ntp.kube-system.svc.cluster.local', ['127.0.0.1']]]));
    const lookup = addressLookup(['127.0.0.1'], zone.port, 5000);
    const search = ['monitoring.svc.cluster.local', 'svc.cluster.local'];
    const target = { host: 'ntp.kube-system', port: server.port, resolver: { search, ndots: 5 } };
    assertAnswered(await moved(target, contextWith(), lookup), 0);
    assert.deepEqual(
      [...new Set(zone.asked.map((question) => question.split(' ')[1]))],
      ['ntp.kube-system.monitoring.svc.cluster.local', 'ntp.kube-system.svc.cluster.local'],
    );
  });

  it('takes an address of either family, and the other where there is no way to the first', async () => {
    await using v6 = await startNtpServer(good, '::1');
    assertAnswered(await moved(named(v6), contextWith(), answers({ AAAA: ['::1'] })), 0);
    // A socket that did not ask for it is not let through to the broadcast address.
    const both = answers({ A: ['255.255.255.255'], AAAA: ['::1'] });
    assertAnswered(await moved(named(v6), contextWith(), both), 0);
  });

  const unknown: [string, AddressLookup][] = [
    ['has no address', answers({})],
    ['cannot be looked up, as the resolver is silent', answers({ A: undefined, AAAA: undefined })],
    ['is not looked up in time', () => new Promise(() => {})],
  ];
  for (const [what, lookup] of unknown)
    it(`counts one that ${what} as lookup and nothing else`, async () => {
      assert.deepEqual(await moved(named({ port: 1 }), contextWith({ timeoutMs: shortMs }), lookup), failure('lookup'));
    });

  it('has one timeout for lookup and request, of which only the request is measured', async () => {
    await using server = await startNtpServer(good);
    const lookup: AddressLookup = () =>
      new Promise((resolve) => setTimeout(() => resolve({ A: ['127.0.0.1'], AAAA: [] }), 200));
    const found = await moved(named(server), contextWith(), lookup);
    assertAnswered(found, 0);
    assert.ok(found[`ntp_latency_seconds_sum${label}`]! < 0.15, JSON.stringify(found));
    await using silent = await startNtpServer(() => {});
    const begun = performance.now();
    assert.deepEqual(await moved(named(silent), contextWith({ timeoutMs: 400 }), lookup), failure('timeout'));
    assert.ok(performance.now() - begun >= 395);
  });

  it('rejects with the reason when aborted while looking up', async () => {
    const controller = new AbortController();
    const probing = ntpProbe(() => new Promise(() => {}))(
      targetOf({ host: 'ntp.example.com', port: 123 }).subject,
      contextWith({ signal: controller.signal }),
    );
    controller.abort(new Error('target gone'));
    await assert.rejects(probing, { message: 'target gone' });
  });

  it('rejects a name that cannot be asked for', async () => {
    const broken = targetOf({ host: 'a..b', port: 123 }).subject;
    await assert.rejects(ntpProbe(noLookup)(broken, contextWith()), { code: 'InvalidDnsName' });
  });
});

describe('ntpProbe through a network that loses packets', () => {
  let namespace: NetworkNamespace;
  before(async () => {
    namespace = await NetworkNamespace.create();
  });
  after(() => namespace[Symbol.asyncDispose]());

  it('calls a black hole a timeout and a host that a router cannot reach unreachable', async () => {
    const context = contextWith({ timeoutMs: shortMs });
    for (const host of [namespace.address4, namespace.address6]) {
      await namespace.filter(['udp dport 123 drop']);
      assert.deepEqual(await moved({ host, port: 123 }, context), failure('timeout'));
      await namespace.filter(['udp dport 123 reject with icmpx type host-unreachable']);
      assert.deepEqual(await moved({ host, port: 123 }, contextWith()), failure('unreachable'));
    }
  });
});

describe('ntpProbe and its descriptors', () => {
  it('rejects with the reason when aborted, and keeps none', async () => {
    await using server = await startNtpServer(() => {});
    for (const { kernel } of timings) {
      const descriptors = openDescriptors();
      const controller = new AbortController();
      const probing = ntpProbe(noLookup)(targetOf(server).subject, contextWith({ kernel, signal: controller.signal }));
      const rejected = assert.rejects(probing, { message: 'target gone' });
      const asked = server.requests.length;
      await eventually(
        () => server.requests.length > asked,
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

  it('does not even begin when it is aborted already', async () => {
    for (const host of ['127.0.0.1', 'ntp.example.com'])
      await assert.rejects(
        ntpProbe(async () => ({ A: [], AAAA: [] }))(
          targetOf({ host, port: 1 }).subject,
          contextWith({ signal: AbortSignal.abort('gone') }),
        ),
        (error) => error === 'gone',
      );
  });
});
