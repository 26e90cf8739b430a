import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { networkBuckets } from '../../../src/contract/metrics/latency-buckets.ts';
import { suspectKinds } from '../../../src/contract/suspects.ts';
import type { NetExporter } from '../../../src/crd/net-exporter.ts';
import type { JudgedFleet } from '../../../src/operator/judge/judged-fleet.ts';
import { registerJudgementMetrics } from '../../../src/operator/judgement-metrics.ts';
import { keyOf } from '../../../src/operator/kube/kube-object.ts';
import type { FleetTotals } from '../../../src/operator/reports/fleet-totals.ts';
import { sketchIndex } from '../../../src/protocol/latency-sketch.ts';
import { Metrics } from '../../e2e/metrics.ts';
import { deadNode, judgedFleet } from './judge/judgements.ts';
import { netExporter } from './net-exporter-builder.ts';
import { dnsLink, fleetTotals, networkLink } from './reports/totals-rig.ts';

const resource = netExporter();
const key = keyOf(resource);
const ofIt = { namespace: 'monitoring', netexporter: 'default' };

/** Registers the metrics and shows what each scrape has. */
function setUp() {
  const resources: NetExporter[] = [resource];
  const judgements = new Map<string, JudgedFleet>();
  const totals = new Map<string, FleetTotals>();
  const registry = new Registry();
  registerJudgementMetrics(registry, () => resources, { judgements: () => judgements, totals: () => totals });
  return { resources, judgements, totals, scrape: async () => new Metrics(await registry.metrics()) };
}

test('a judgement has its time, its suspects and all states of links, also at zero', async () => {
  const { judgements, scrape } = setUp();
  const suspects = suspectKinds.map((kind) => deadNode({ kind, name: `${kind} a<>b` }));
  const links = { ok: 28, slow: 0, failing: 2, unreported: 0 };
  judgements.set(key, judgedFleet({ verdict: { suspects }, network: { links } }));
  const metrics = await scrape();
  assert.equal(metrics.sum('net_exporter_judged_timestamp_seconds', ofIt), Date.parse('2026-01-01T00:00:00Z') / 1000);
  assert.deepEqual(
    metrics.find('net_exporter_suspect').map(({ labels, value }) => [labels, value]),
    suspects.map(({ kind, name, reason }) => [{ ...ofIt, kind, name, reason }, 1]),
  );
  assert.deepEqual(
    metrics.find('net_exporter_links', ofIt).map(({ labels, value }) => [labels.state, value]),
    Object.entries(links),
  );
});

test('a suspect that is cleared has no series, and at most 20 have one', async () => {
  const { judgements, scrape } = setUp();
  const suspects = Array.from({ length: 57 }, (_, number) => deadNode({ name: `node-${number}` }));
  judgements.set(key, judgedFleet({ verdict: { suspects } }));
  assert.equal((await scrape()).find('net_exporter_suspect').length, 20);
  judgements.set(key, judgedFleet());
  const metrics = await scrape();
  assert.equal(metrics.find('net_exporter_suspect').length, 0);
  assert.equal(metrics.find('net_exporter_links').length, 4);
});

test('sums have the buckets of the agents’ histograms, cumulative, and all counters', async () => {
  const { totals, scrape } = setUp();
  const fleet = fleetTotals();
  totals.set(key, fleet.totals);
  fleet.take('a', networkLink(), {
    latencies: [
      [sketchIndex(0.0001), 3],
      [sketchIndex(0.02), 1],
    ],
    failures: { reset: 2 },
  });
  fleet.take('a', dnsLink(), { failures: { timeout: 1 } });
  const metrics = await scrape();
  const pair = { ...ofIt, protocol: 'TCP', zone: 'a', peer_zone: 'b' };
  const buckets = metrics.find('net_exporter_fleet_network_latency_seconds_bucket', pair);
  assert.deepEqual(
    buckets.map(({ labels, value }) => [labels.le, value]),
    [...networkBuckets.map((le) => [String(le), le >= 0.03 ? 4 : le >= 0.00016 ? 3 : 0]), ['+Inf', 4]],
  );
  assert.equal(metrics.sum('net_exporter_fleet_network_latency_seconds_count', pair), 4);
  assert.ok(metrics.sum('net_exporter_fleet_network_latency_seconds_sum', pair) > 0.019);
  assert.equal(metrics.sum('net_exporter_fleet_network_attempts_total', pair), 6);
  assert.equal(metrics.sum('net_exporter_fleet_network_failures_total', pair), 2);
  const server = { ...ofIt, protocol: 'UDP', server: '10.96.0.10:53' };
  assert.equal(metrics.find('net_exporter_fleet_dns_latency_seconds_count', server)[0]?.value, 0);
  assert.equal(metrics.sum('net_exporter_fleet_dns_attempts_total', server), 1);
  assert.equal(metrics.sum('net_exporter_fleet_dns_failures_total', server), 1);
  fleet.take('a', networkLink(), { latencies: [[sketchIndex(0.0001), 1]] });
  assert.equal((await scrape()).sum('net_exporter_fleet_network_attempts_total', pair), 7, 'the sum, at each scrape');
});

test('a NetExporter that is gone has no series, and an operator that does not lead has none', async () => {
  const { resources, judgements, totals, scrape } = setUp();
  const fleet = fleetTotals();
  fleet.take('a', networkLink());
  totals.set(key, fleet.totals);
  judgements.set(key, judgedFleet({ verdict: { suspects: [deadNode()] } }));
  const names = [
    ...['net_exporter_judged_timestamp_seconds', 'net_exporter_suspect', 'net_exporter_links'],
    ...['net_exporter_fleet_network_attempts_total', 'net_exporter_fleet_network_latency_seconds_count'],
  ];
  const before = await scrape();
  for (const name of names) assert.ok(before.find(name).length > 0, name);
  resources.splice(0);
  const after = await scrape();
  for (const name of names) assert.equal(after.find(name).length, 0, name);
});
