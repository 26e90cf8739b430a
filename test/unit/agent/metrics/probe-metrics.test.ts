import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { ProbeMetrics } from '../../../../src/agent/metrics/probe-metrics.ts';
import type { Target } from '../../../../src/agent/plan/targets.ts';
import type { ProbeResult, Timing } from '../../../../src/agent/probes/probe.ts';
import { readSeries } from '../exposition.ts';
import { dnsTarget, echoTarget, networkTarget, ntpTarget, subjectOf } from '../target-builder.ts';

function setUp(decided: Timing = 'kernel') {
  const registry = new Registry();
  const metrics = new ProbeMetrics(registry, decided);
  return { metrics, registry, series: async () => readSeries(await registry.metrics()) };
}

const found = (changes: Partial<ProbeResult> = {}): ProbeResult => ({
  latencies: [],
  failures: [],
  retransmits: 0,
  timing: 'kernel',
  ...changes,
});
const echoLabels = 'host="10.0.0.2:8000",peer_node="",peer_zone="",protocol="UDP"';
const lostLabels = (direction: string) => `direction="${direction}",host="10.0.0.2:8000",peer_node="",peer_zone=""`;
const peerLabels = 'host="10.0.0.2:8000",peer_node="",peer_zone="",protocol="TCP"';
const nameLabels = 'host="a.",protocol="UDP",server="10.96.0.10:53",type="A"';

/** What is different between two scrapes. */
function changed(before: Map<string, number>, after: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...after].filter(([name, value]) => before.get(name) !== value));
}

test('every series of a target exists at zero from the moment it is planned', async () => {
  const { metrics, series } = setUp();
  metrics.plan([networkTarget('10.0.0.2'), dnsTarget('a.')]);
  const now = await series();
  for (const name of [
    `network_latency_seconds_count{${peerLabels}}`,
    `network_latency_seconds_sum{${peerLabels}}`,
    `network_latency_seconds_bucket{host="10.0.0.2:8000",le="+Inf",peer_node="",peer_zone="",protocol="TCP"}`,
    `network_latency_seconds_bucket{host="10.0.0.2:8000",le="0.00002",peer_node="",peer_zone="",protocol="TCP"}`,
    `network_dial_error_total{${peerLabels}}`,
    `network_retransmits_total{${peerLabels}}`,
    'network_failures_total{protocol="TCP",reason="timeout"}',
    'network_error_total',
    `dns_latency_seconds_count{${nameLabels}}`,
    `dns_resolve_error_total{${nameLabels}}`,
    'dns_failures_total{protocol="UDP",reason="nxdomain",server="10.96.0.10:53"}',
    'dns_error_total',
  ])
    assert.equal(now.get(name), 0, name);
  const reasons = (metric: string) => [...now.keys()].filter((name) => name.startsWith(metric)).length;
  assert.equal(reasons('network_failures_total'), 4);
  assert.equal(reasons('dns_failures_total'), 9);
  assert.ok([...now].every(([name, value]) => value === 0 || name.startsWith('net_exporter_timing_info')));
});

test('a success moves the target’s histogram and nothing else', async () => {
  const { metrics, series } = setUp();
  const target = networkTarget('10.0.0.2');
  metrics.plan([target, networkTarget('10.0.0.3'), dnsTarget('a.')]);
  const before = await series();
  metrics.record(target, found({ latencies: [0.00005] }));
  const after = changed(before, await series());
  assert.equal(after[`network_latency_seconds_sum{${peerLabels}}`], 0.00005);
  assert.equal(after[`network_latency_seconds_count{${peerLabels}}`], 1);
  const buckets = Object.keys(after).filter((name) => name.includes('_bucket'));
  // 80 µs and everything above it.
  assert.equal(buckets.length, 15);
  assert.equal(Object.keys(after).length, 2 + buckets.length);
});

test('a failure moves the target’s errors and the count of its reason and nothing else', async () => {
  const { metrics, series } = setUp();
  const target = networkTarget('10.0.0.2');
  metrics.plan([target, networkTarget('10.0.0.3'), dnsTarget('a.')]);
  const before = await series();
  metrics.record(target, found({ failures: ['timeout'], retransmits: 3 }));
  assert.deepEqual(changed(before, await series()), {
    [`network_dial_error_total{${peerLabels}}`]: 1,
    [`network_retransmits_total{${peerLabels}}`]: 3,
    'network_failures_total{protocol="TCP",reason="timeout"}': 1,
  });
  const next = await series();
  metrics.record(dnsTarget('a.'), found({ failures: ['nxdomain'] }));
  assert.deepEqual(changed(next, await series()), {
    [`dns_resolve_error_total{${nameLabels}}`]: 1,
    'dns_failures_total{protocol="UDP",reason="nxdomain",server="10.96.0.10:53"}': 1,
  });
});

test('an echo has the same families, its own reasons, the directions of its losses, and nothing that a dial alone has', async () => {
  const { metrics, series } = setUp();
  const empty = await series();
  const timingOfEchoes = 'net_exporter_timing_info{probe="network",protocol="UDP",source="kernel"}';
  metrics.plan([echoTarget('10.0.0.2')]);
  const now = await series();
  const added = [...now.keys()].filter((name) => !empty.has(name) && !name.includes('_bucket'));
  assert.deepEqual(
    added.sort(),
    [
      ...['count', 'sum'].map((part) => `network_latency_seconds_${part}{${echoLabels}}`),
      `network_dial_error_total{${echoLabels}}`,
      ...['lost', 'refused', 'unreachable'].map(
        (reason) => `network_failures_total{protocol="UDP",reason="${reason}"}`,
      ),
      ...['forward', 'return', 'unknown'].map((direction) => `network_echo_lost_total{${lostLabels(direction)}}`),
      timingOfEchoes,
    ].sort(),
  );
  assert.ok([...now].every(([name, value]) => value === (name === timingOfEchoes ? 1 : 0)));
  metrics.plan([networkTarget('10.0.0.2')]);
  assert.deepEqual(
    [...(await series()).keys()].filter((name) => name.includes('UDP') || name.startsWith('network_echo')),
    [],
  );
});

test('a lost echo moves the peer’s errors, the count of its reason and the direction that is known', async () => {
  const { metrics, series } = setUp();
  const target = echoTarget('10.0.0.2');
  metrics.plan([target, echoTarget('10.0.0.3'), networkTarget('10.0.0.2')]);
  const before = await series();
  const losses = { forward: 2, return: 0, unknown: 1 };
  metrics.record(target, found({ latencies: [], failures: ['lost', 'lost'], losses }));
  assert.deepEqual(changed(before, await series()), {
    [`network_dial_error_total{${echoLabels}}`]: 2,
    'network_failures_total{protocol="UDP",reason="lost"}': 2,
    [`network_echo_lost_total{${lostLabels('forward')}}`]: 2,
    [`network_echo_lost_total{${lostLabels('unknown')}}`]: 1,
  });
});

test('attempts are successes and errors together, also when a turn has several', async () => {
  const { metrics, series } = setUp();
  const target = networkTarget('10.0.0.2');
  metrics.plan([target]);
  metrics.record(target, found({ latencies: [0.001, 0.002], failures: ['timeout'] }));
  const now = await series();
  assert.equal(now.get(`network_latency_seconds_count{${peerLabels}}`), 2);
  assert.equal(now.get(`network_dial_error_total{${peerLabels}}`), 1);
});

test('a fault of the agent is nobody’s failure', async () => {
  const { metrics, series } = setUp();
  metrics.plan([networkTarget('10.0.0.2'), dnsTarget('a.')]);
  const before = await series();
  metrics.fault('dns');
  metrics.fault('dns');
  metrics.fault('network');
  assert.deepEqual(changed(before, await series()), { dns_error_total: 2, network_error_total: 1 });
});

test('all series go with their target, and a result that comes after it brings none back', async () => {
  const { metrics, series } = setUp();
  const empty = await series();
  const [peer, name, echo] = [networkTarget('10.0.0.2'), dnsTarget('a.'), echoTarget('10.0.0.2')];
  const lost = found({ failures: ['lost'], losses: { forward: 1, return: 1, unknown: 1 } });
  metrics.plan([peer, name, echo]);
  metrics.record(echo, lost);
  metrics.record(peer, found({ latencies: [0.001], retransmits: 1 }));
  metrics.record(name, found({ failures: ['servfail'] }));
  metrics.plan([]);
  metrics.record(peer, found({ latencies: [0.001], failures: ['reset'], retransmits: 1 }));
  metrics.record(name, found({ latencies: [0.001], failures: ['servfail'] }));
  metrics.record(echo, lost);
  assert.deepEqual(await series(), empty);
});

test('what targets share stays until the last of them goes', async () => {
  const { metrics, series } = setUp();
  const [a, b] = [networkTarget('10.0.0.2'), networkTarget('10.0.0.3')];
  metrics.plan([a, b]);
  metrics.record(a, found({ failures: ['refused'] }));
  metrics.plan([b]);
  assert.equal((await series()).get('network_failures_total{protocol="TCP",reason="refused"}'), 1);
});

test('the timing says what the last latency came from, once for each probe and protocol', async () => {
  const { metrics, series } = setUp();
  const target = networkTarget('10.0.0.2');
  metrics.plan([target]);
  const info = async () => [...(await series()).keys()].filter((name) => name.startsWith('net_exporter_timing_info'));
  metrics.record(target, found({ latencies: [0.001], timing: 'clock' }));
  metrics.record(target, found({ failures: ['timeout'], timing: 'kernel' }));
  assert.deepEqual(await info(), ['net_exporter_timing_info{probe="network",protocol="TCP",source="clock"}']);
  metrics.record(target, found({ latencies: [0.001], timing: 'kernel' }));
  assert.deepEqual(await info(), ['net_exporter_timing_info{probe="network",protocol="TCP",source="kernel"}']);
});

for (const decided of ['kernel', 'clock'] as const)
  test(`the timing says from the moment of planning what was decided at start: ${decided}`, async () => {
    const { metrics, series } = setUp(decided);
    const overTcp = dnsTarget('b.');
    overTcp.labels.protocol = 'TCP';
    metrics.plan([networkTarget('10.0.0.2'), dnsTarget('a.'), overTcp, ntpTarget('10.0.0.123')]);
    const info = async () => [...(await series()).keys()].filter((name) => name.startsWith('net_exporter_timing_info'));
    assert.deepEqual((await info()).sort(), [
      `net_exporter_timing_info{probe="dns",protocol="TCP",source="${decided}"}`,
      `net_exporter_timing_info{probe="dns",protocol="UDP",source="${decided}"}`,
      `net_exporter_timing_info{probe="network",protocol="TCP",source="${decided}"}`,
      `net_exporter_timing_info{probe="ntp",protocol="UDP",source="${decided}"}`,
    ]);
    metrics.plan([]);
    assert.deepEqual(await info(), []);
  });

test('nothing is to be seen of time servers until one is planned, nor once the last is gone', async () => {
  const { metrics, registry, series } = setUp();
  const [server, other] = [ntpTarget('10.0.0.123'), ntpTarget('10.0.0.124')];
  const text = () => registry.metrics();
  metrics.plan([networkTarget('10.0.0.2')]);
  const without = await text();
  assert.doesNotMatch(without, /ntp/);
  metrics.plan([networkTarget('10.0.0.2'), server]);
  const planned = [...(await series())].filter(([name]) => name.startsWith('ntp_') && !name.includes('_bucket'));
  assert.deepEqual(planned.map(([name]) => name).sort(), [
    'ntp_error_total',
    ...['lookup', 'kiss_of_death', 'malformed', 'refused', 'timeout', 'unreachable', 'unsynchronized']
      .sort()
      .map((reason) => `ntp_failures_total{reason="${reason}",server="10.0.0.123:123"}`),
    ...['DENY', 'RATE', 'RSTR', 'other'].map(
      (code) => `ntp_kiss_of_death_total{code="${code}",server="10.0.0.123:123"}`,
    ),
    'ntp_latency_seconds_count{server="10.0.0.123:123"}',
    'ntp_latency_seconds_sum{server="10.0.0.123:123"}',
    'ntp_sync_error_total{server="10.0.0.123:123"}',
  ]);
  assert.ok(planned.every(([, value]) => value === 0));
  metrics.plan([networkTarget('10.0.0.2'), server, other]);
  metrics.record(server, found({ latencies: [0.001], clock: { stratum: 2, offsetSeconds: 0.5 } }));
  metrics.record(other, found({ failures: ['kiss_of_death'], kiss: 'RATE' }));
  metrics.fault('ntp');
  metrics.plan([networkTarget('10.0.0.2')]);
  metrics.record(server, found({ latencies: [0.001], clock: { stratum: 2, offsetSeconds: 0.5 } }));
  assert.equal(await text(), without);
  metrics.plan([server]);
  assert.equal((await series()).get('ntp_error_total'), 0, 'what was gone begins anew');
});

test('offset and stratum are there only while the last turn told them', async () => {
  const { metrics, series } = setUp();
  const server = ntpTarget('10.0.0.123');
  metrics.plan([server]);
  const known = async () => {
    const now = await series();
    return ['ntp_offset_seconds', 'ntp_stratum'].map((name) => now.get(`${name}{server="10.0.0.123:123"}`));
  };
  metrics.record(server, found({ latencies: [0.001], clock: { stratum: 2, offsetSeconds: -0.5 } }));
  assert.deepEqual(await known(), [-0.5, 2]);
  metrics.record(server, found({ latencies: [0.001], clock: { stratum: 1, offsetSeconds: undefined } }));
  assert.deepEqual(await known(), [undefined, 1]);
  metrics.record(server, found({ latencies: [0.001], clock: { stratum: 1, offsetSeconds: 0 } }));
  assert.deepEqual(await known(), [0, 1]);
  metrics.record(server, found({ failures: ['timeout'] }));
  assert.deepEqual(await known(), [undefined, undefined]);
});

test('whatever comes and goes, the series are those of the plan', async () => {
  const all: Target[] = [
    ...['10.0.0.1', '10.0.0.2', 'fd00::1'].map(networkTarget),
    ...['10.0.0.4', 'fd00::4'].map(echoTarget),
    ...['a.', 'b.', 'c.'].map(dnsTarget),
    ...['10.0.0.123', '10.0.0.124'].map(ntpTarget),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.subarray(all), fc.array(fc.constantFrom(...all), { maxLength: 8 })), { maxLength: 10 }),
      async (steps) => {
        const { metrics, series } = setUp();
        for (const [plan, results] of steps) {
          metrics.plan(plan);
          for (const target of results)
            metrics.record(
              target,
              target.probe === 'network' && target.labels.protocol === 'UDP'
                ? found({ failures: ['lost'], losses: { forward: 1, return: 0, unknown: 0 } })
                : found({ latencies: [0.001], failures: ['timeout'] }),
            );
          const hosts = new Set(
            [...(await series()).keys()].flatMap((name) => /(?:host|^ntp.*server)="([^"]+)"/.exec(name)?.[1] ?? []),
          );
          assert.deepEqual([...hosts].sort(), plan.map(subjectOf).sort());
        }
        const fresh = setUp();
        const last = steps.at(-1)?.[0] ?? [];
        fresh.metrics.plan(last);
        const names = async (from: typeof series) =>
          [...(await from()).keys()].filter((name) => !name.startsWith('net_exporter_timing_info')).sort();
        assert.deepEqual(await names(series), await names(fresh.series));
      },
    ),
    { numRuns: 60 },
  );
});
