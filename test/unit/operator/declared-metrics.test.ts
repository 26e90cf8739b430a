import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { operatorMetricGroups, operatorMetrics } from '../../../src/contract/metrics/declared-metrics.ts';
import { labelValues, type MetricGroup } from '../../../src/contract/metrics/metric.ts';
import { resourceMetrics } from '../../../src/contract/metrics/resource-metrics.ts';
import { suspectKinds, suspectReasons } from '../../../src/contract/suspects.ts';
import { httpRefusalCounter } from '../../../src/listeners/http-refusal.ts';
import { WorkQueue } from '../../../src/operator/controller/work-queue.ts';
import { apiRefusalCounter } from '../../../src/operator/http/api/api-refusal.ts';
import { type JudgementSource, registerJudgementMetrics } from '../../../src/operator/judgement-metrics.ts';
import { keyOf } from '../../../src/operator/kube/kube-object.ts';
import { OperatorMetrics } from '../../../src/operator/metrics.ts';
import { registerResourceMetrics } from '../../../src/operator/resource-metrics.ts';
import { newReportMetrics } from '../../../src/operator/sync/report-metrics.ts';
import { SyncMetrics } from '../../../src/operator/sync/sync-metrics.ts';
import { builtProgram } from '../../cluster/binaries.ts';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';
import { FakeClock } from '../fake-clock.ts';
import { assertDeclared } from '../metrics/declared-families.ts';
import { exposedFamilies } from '../metrics/exposed-families.ts';
import { deadNode, judgedFleet } from './judge/judgements.ts';
import { netExporter } from './net-exporter-builder.ts';
import { OperatorProcess } from './operator-process.ts';
import { dnsLink, fleetTotals, networkLink } from './reports/totals-rig.ts';

/** Suspects of every kind and with every reason, and a result of every protocol. */
function judgementSource(): JudgementSource {
  const ofKinds = suspectKinds.map((kind) => deadNode({ kind, name: kind }));
  const suspects = [...ofKinds, ...suspectReasons.map((reason) => deadNode({ name: reason, reason }))];
  const { totals, take } = fleetTotals();
  for (const protocol of ['TCP', 'UDP']) {
    take('a', networkLink({ protocol }), { latencies: [[100, 1]] });
    take('a', dnsLink({ protocol }), { latencies: [[100, 1]] });
  }
  const key = keyOf(netExporter());
  return { judgements: () => [[key, judgedFleet({ verdict: { suspects } })]], totals: () => [[key, totals]] };
}

/** What an operator exposes once everything has happened that it counts. */
async function fullExposition(): Promise<string> {
  const metrics = new OperatorMetrics('1.2.3');
  const agents = { desired: 1, ready: 1, configured: 1, reporting: 1, summary: '1/1' };
  const conditions = labelValues(resourceMetrics.condition, 'type').map((type) => ({
    ...{ type, status: 'True' as const, lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'X', message: '' },
  }));
  registerResourceMetrics(metrics.registry, () => [{ ...netExporter(), status: { agents, conditions } }]);
  registerJudgementMetrics(metrics.registry, () => [netExporter()], judgementSource());
  for (const name of ['netexporter', 'netexporter-plan', 'netexporter-figures', 'netexporter-judge'] as const) {
    const { queue: observe, reconcile } = metrics.controllerObserver(name);
    const backoff = { baseMs: 100, maxMs: 1000 };
    metrics.watchQueue(name, new WorkQueue({ clock: new FakeClock(), random: () => 1, backoff, observe }));
    reconcile.started();
    reconcile.ended('success', 0.1);
    observe.taken(0.1);
    observe.finished(0.1);
  }
  httpRefusalCounter(metrics.registry);
  apiRefusalCounter(metrics.registry);
  metrics.watchFailed('pods');
  metrics.watchLeadership('net-exporter-operator', () => true);
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
    const request = { method, host: '10.96.0.1:443', code: '200', seconds: 0.01 };
    metrics.requestObserver.answered(request);
    metrics.requestObserver.retried(request);
    metrics.requestObserver.limited(request);
  }
  const sync = new SyncMetrics(metrics.registry);
  sync.watch({ connections: () => 1, held: () => 1 });
  newReportMetrics(metrics.registry, () => 1);
  sync.watchCertificates(() => ({ authority: 2, serving: 1 }));
  return metrics.registry.metrics();
}

test('the operator exposes exactly the declared metrics, labels and values', async () => {
  assertDeclared(exposedFamilies(await fullExposition()), operatorMetrics());
});

test('its metrics are what promtool would write', async (t) => {
  const promtool = builtProgram('promtool');
  if (!promtool) return t.skip('promtool is not built yet: the start of a local cluster does that');
  const input = await fullExposition();
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('a running operator exposes no other metrics, and all but those of sync, which needs a cluster', async () => {
  using directory = new TemporaryDirectory();
  const kubeconfig = directory.file('kubeconfig');
  // Nothing listens there.
  const cluster = { server: 'http://127.0.0.1:1' };
  const context = { cluster: 'c', user: 'u' };
  const config = { clusters: [{ name: 'c', cluster }], users: [{ name: 'u', user: {} }] };
  writeFileSync(kubeconfig, JSON.stringify({ ...config, contexts: [{ name: 'c', context }], 'current-context': 'c' }));
  await using operator = new OperatorProcess(kubeconfig);
  await operator.says(/"port":\d+/);
  const [, port] = /"port":(\d+)/.exec(operator.output)!;
  const exposition = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const { syncServer, reports, judgement, fleet } = operatorMetricGroups;
  const sync = [syncServer, reports, judgement, fleet].flatMap((group) =>
    Object.values(group as MetricGroup).map(({ name }) => name),
  );
  const expected = operatorMetrics().flatMap(({ name }) => (sync.includes(name) ? [] : [name]));
  assert.deepEqual([...exposedFamilies(exposition).keys()].sort(), expected.sort());
  assert.match(exposition, /^process_open_fds [1-9]\d*$/m);
  assert.match(exposition, /^process_max_fds [1-9]\d*$/m);
  assert.match(exposition, /^nodejs_eventloop_lag_max_seconds \d/m);
});
