import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { AgentMetrics } from '../../../../src/agent/metrics/agent-metrics.ts';
import { dwellBuckets } from '../../../../src/contract/metrics/latency-buckets.ts';
import { FakeClock } from '../../fake-clock.ts';
import { readSeries } from '../exposition.ts';

function setUp(kernel?: { refusals: number }) {
  const registry = new Registry();
  const clock = new FakeClock();
  const metrics = new AgentMetrics(registry, '1.2.3', clock, kernel);
  return { metrics, clock, series: async () => Object.fromEntries(readSeries(await registry.metrics())) };
}

/** @param upTo number of dwells up to a tenth of a millisecond */
function dwells(upTo: number, count: number, sum: number): Record<string, number> {
  const name = 'net_exporter_echo_dwell_seconds';
  const below = (edge: number) => (edge < 0.0001 ? 0 : edge < 1 ? upTo : count);
  return {
    ...Object.fromEntries(dwellBuckets.map((edge) => [`${name}_bucket{le="${edge}"}`, below(edge)])),
    [`${name}_bucket{le="+Inf"}`]: count,
    [`${name}_sum`]: sum,
    [`${name}_count`]: count,
  };
}

const atStart = {
  'net_exporter_build_info{version="1.2.3"}': 1,
  net_exporter_settings_generation: 0,
  net_exporter_settings_last_load_successful: 0,
  net_exporter_settings_load_error_total: 0,
  net_exporter_peer_lookup_error_total: 0,
  'net_exporter_targets_left_out{limit="lookups"}': 0,
  'net_exporter_targets_left_out{limit="lookup_rate"}': 0,
  'net_exporter_targets_left_out{limit="packet_rate"}': 0,
  'net_exporter_turns_skipped_total{reason="running"}': 0,
  'net_exporter_turns_skipped_total{reason="late"}': 0,
  'net_exporter_turns_skipped_total{reason="version"}': 0,
  net_exporter_echo_answers_total: 0,
  ...dwells(0, 0, 0),
  'net_exporter_echo_dropped_total{reason="foreign"}': 0,
  'net_exporter_echo_dropped_total{reason="address"}': 0,
  'net_exporter_echo_dropped_total{reason="rate"}': 0,
  'net_exporter_echo_dropped_total{reason="unsent"}': 0,
  net_exporter_timing_refused_total: 0,
  net_exporter_scheduler_lag_seconds: 0,
};

test('the dwell histogram has at most eight edges', () => {
  assert.ok(dwellBuckets.length <= 8);
});

test('everything is there from the start', async () => {
  assert.deepEqual(await setUp().series(), atStart);
});

test('a broken settings file is counted and shown until a good one comes', async () => {
  const { metrics, series } = setUp();
  metrics.settingsRead(true);
  metrics.settingsInEffect(4);
  metrics.settingsRead(false);
  assert.deepEqual(await series(), {
    ...atStart,
    net_exporter_settings_generation: 4,
    net_exporter_settings_load_error_total: 1,
  });
  metrics.settingsRead(true);
  assert.equal((await series()).net_exporter_settings_last_load_successful, 1);
});

test('the lag is the largest of the last one to two minutes', async () => {
  const { metrics, clock, series } = setUp();
  metrics.late(0.5);
  metrics.late(0.001);
  await clock.advanceAsync(59_000);
  assert.equal((await series()).net_exporter_scheduler_lag_seconds, 0.5);
  await clock.advanceAsync(61_000);
  assert.equal((await series()).net_exporter_scheduler_lag_seconds, 0);
});

test('skipped turns, lookups without an answer and refused times are counted', async () => {
  const kernel = { refusals: 0 };
  const { metrics, series } = setUp(kernel);
  metrics.skipped('late', 3);
  metrics.skipped('running', 1);
  metrics.peersLookedUp(true);
  metrics.peersLookedUp(false);
  metrics.skipped('version', 2);
  kernel.refusals = 2;
  metrics.timesRefused(3);
  await series();
  assert.deepEqual(await series(), {
    ...atStart,
    'net_exporter_turns_skipped_total{reason="late"}': 3,
    'net_exporter_turns_skipped_total{reason="running"}': 1,
    'net_exporter_turns_skipped_total{reason="version"}': 2,
    net_exporter_peer_lookup_error_total: 1,
    net_exporter_timing_refused_total: 5,
  });
});

test('answers to echoes are counted, and what got none by its reason', async () => {
  const { metrics, series } = setUp();
  metrics.echoAnswered(0.00006);
  metrics.echoAnswered(0.25);
  metrics.echoAnswered(undefined);
  metrics.echoDropped('rate');
  assert.deepEqual(await series(), {
    ...atStart,
    net_exporter_echo_answers_total: 3,
    ...dwells(1, 2, 0.25006),
    'net_exporter_echo_dropped_total{reason="rate"}': 1,
  });
});
