import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { SyncMetrics } from '../../../../src/agent/metrics/sync-metrics.ts';
import { FakeClock } from '../../fake-clock.ts';
import { readSeries } from '../exposition.ts';

function setUp() {
  const registry = new Registry();
  const clock = new FakeClock({ monotonic: 1000 });
  const metrics = new SyncMetrics(registry, clock);
  return { metrics, clock, series: async () => Object.fromEntries(readSeries(await registry.metrics())) };
}

const results = [
  ...['ok', 'unreachable', 'untrusted', 'timeout', 'unavailable', 'unauthorized', 'invalid', 'refused'],
  ...['malformed', 'credential', 'fault'],
];

const atStart = {
  net_exporter_sync_age_seconds: 0,
  net_exporter_assignment_revision: 0,
  ...Object.fromEntries(results.map((result) => [`net_exporter_sync_requests_total{result="${result}"}`, 0])),
  ...Object.fromEntries(
    ['invalid', 'rejected', 'removed'].map((reason) => [
      `net_exporter_report_targets_dropped_total{reason="${reason}"}`,
      0,
    ]),
  ),
};

test('everything but the sources is there from the start', async () => {
  assert.deepEqual(await setUp().series(), atStart);
});

test('the age counts from the first question or the last answer, and only while there is an operator to ask', async () => {
  const { metrics, clock, series } = setUp();
  const age = async () => (await series()).net_exporter_sync_age_seconds;
  await clock.advanceAsync(5000);
  assert.equal(await age(), 0);
  metrics.asks(true);
  await clock.advanceAsync(5000);
  metrics.requested('unreachable');
  metrics.asks(true);
  assert.equal(await age(), 5);
  metrics.requested('ok');
  await clock.advanceAsync(2000);
  assert.equal(await age(), 2);
  metrics.asks(false);
  assert.equal(await age(), 0);
});

test('requests are counted by what came of them', async () => {
  const { metrics, series } = setUp();
  metrics.requested('ok');
  metrics.requested('untrusted');
  metrics.requested('untrusted');
  assert.deepEqual(await series(), {
    ...atStart,
    'net_exporter_sync_requests_total{result="ok"}': 1,
    'net_exporter_sync_requests_total{result="untrusted"}': 2,
  });
});

test('results that are not reported are counted by reason', async () => {
  const { metrics, series } = setUp();
  metrics.dropped('rejected', 7);
  assert.deepEqual(await series(), { ...atStart, 'net_exporter_report_targets_dropped_total{reason="rejected"}': 7 });
});

test('where settings and peers come from is one series each', async () => {
  const { metrics, series } = setUp();
  metrics.settingsFrom('copy');
  metrics.settingsFrom('file');
  metrics.peersInEffect(7, 'sync');
  assert.deepEqual(await series(), {
    ...atStart,
    net_exporter_assignment_revision: 7,
    'net_exporter_source_info{part="settings",source="file"}': 1,
    'net_exporter_source_info{part="peers",source="sync"}': 1,
  });
  metrics.peersInEffect(0, 'service');
  assert.deepEqual(await series(), {
    ...atStart,
    'net_exporter_source_info{part="settings",source="file"}': 1,
    'net_exporter_source_info{part="peers",source="service"}': 1,
  });
  metrics.peersInEffect(0, undefined);
  assert.deepEqual(await series(), { ...atStart, 'net_exporter_source_info{part="settings",source="file"}': 1 });
});
