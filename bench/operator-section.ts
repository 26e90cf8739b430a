import { netExporter } from '../test/e2e/environment.ts';
import type { Metrics } from '../test/e2e/metrics.ts';
import { auditedRequests, endOf } from './audited-requests.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { type Figure, figure, type Goal } from './figures.ts';
import { growthTo } from './growth.ts';
import { histogramWindow, interpolatedQuantile } from './histogram-window.ts';
import type { MeasuredOperator } from './measured-operator.ts';
import { daemonSets, type OperatorBench, operatorUser, resources } from './operator-bench.ts';
import { operatorWindow } from './operator-window.ts';
import type { Section, SectionResult } from './section.ts';
import type { DaemonSet } from './simulated-objects.ts';
import { quantile } from './statistics.ts';

const podChangesPerSecond = 100;

const figureOf: Record<string, { unit: Figure['unit']; goal?: (nodes: number) => Goal | undefined }> = {
  apply_to_daemonset_seconds: { unit: 's', goal: () => ({ atMost: 0.3 }) },
  sync_seconds: { unit: 's' },
  rss_bytes: { unit: 'B', goal: (nodes) => (nodes === 5000 ? { atMost: 250 * 2 ** 20 } : undefined) },
  cpu_idle_ratio: { unit: '', goal: () => ({ atMost: 0.03 }) },
  cpu_churn_ratio: { unit: '', goal: () => ({ atMost: 0.5 }) },
  // Slower than that, the figure before it would be of something else.
  pod_changes_per_second: { unit: '', goal: () => ({ atLeast: 0.9 * podChangesPerSecond }) },
  api_requests_per_minute_idle: { unit: '' },
  reconcile_p50_seconds: { unit: 's' },
  reconcile_p99_seconds: { unit: 's' },
};

/** Values of the sections so far, by number of nodes: one section says how it grew from the one before. */
const measured = new Map<number, Record<string, number>>();

/** The operator with so many nodes, each with an agent's pod. */
export function operatorSection(nodes: number, benchOf: (bench: BenchCluster) => OperatorBench): Section {
  return async (bench, quick) => {
    const operatorBench = benchOf(bench);
    bench.log(`growing the fleet to ${nodes} nodes`);
    const daemonSet = await operatorBench.grow(nodes);
    const syncs: number[] = [];
    let operator = await operatorBench.start();
    for (syncs.push(operator.readySeconds); syncs.length < (quick ? 1 : 3); syncs.push(operator.readySeconds)) {
      await operator.stop();
      operator = await operatorBench.start();
    }
    try {
      return resultOf(nodes, syncs, await observe(bench, operatorBench, operator, daemonSet, quick));
    } finally {
      await operator.stop();
    }
  };
}

interface Observation {
  values: Record<string, number>;
  details: Record<string, unknown>;
}

async function observe(
  bench: BenchCluster,
  operatorBench: OperatorBench,
  operator: MeasuredOperator,
  daemonSet: DaemonSet,
  quick: boolean,
): Promise<Observation> {
  await reconciled(bench, operator);
  const afterSync = operator.usage();

  bench.log('at rest');
  const from = await endOf(bench.cluster.auditLog);
  const idle = await operatorWindow(bench, operator, quick ? 20 : 60);
  const requests = await auditedRequests(bench.cluster.auditLog, from, operatorUser);
  const requestsPerMinute = ([...requests.values()].reduce((sum, count) => sum + count, 0) / idle.seconds) * 60;
  const afterIdle = operator.usage();

  bench.log('NetExporters are applied');
  const before = await operator.metrics();
  const applied = await applyToDaemonSet(bench, operatorBench, quick ? 4 : 11);

  bench.log(`${podChangesPerSecond} pod changes a second`);
  const churnSeconds = quick ? 20 : 60;
  const churning = operatorBench.fleet.churn(daemonSet, podChangesPerSecond, churnSeconds);
  const [rate, churn] = await Promise.all([churning, operatorWindow(bench, operator, churnSeconds)]);
  const after = await operator.metrics();
  const atTheEnd = operator.usage();
  const reconciles = histogramWindow(before, after, 'controller_runtime_reconcile_time_seconds', {
    controller: 'netexporter',
  });
  return {
    values: {
      apply_to_daemonset_seconds: quantile(applied, 0.5),
      rss_bytes: atTheEnd.peakRss,
      cpu_idle_ratio: idle.cpuRatio,
      cpu_churn_ratio: churn.cpuRatio,
      pod_changes_per_second: rate,
      api_requests_per_minute_idle: requestsPerMinute,
      reconcile_p50_seconds: interpolatedQuantile(reconciles, 0.5),
      reconcile_p99_seconds: interpolatedQuantile(reconciles, 0.99),
    },
    details: {
      applied,
      rss: { afterSync: afterSync.rss, afterIdle: afterIdle.rss, atTheEnd: atTheEnd.rss, peak: atTheEnd.peakRss },
      idle: { ...idle, requests: Object.fromEntries(requests) },
      churn: { ...churn, reconciles: reconciles.count },
      cpuSecondsUntilReconciled: afterSync.cpuSeconds,
    },
  };
}

function resultOf(nodes: number, syncs: readonly number[], { values, details }: Observation): SectionResult {
  const all = { ...values, sync_seconds: quantile(syncs, 0.5) };
  measured.set(nodes, all);
  const growth = growthTo(nodes, measured).filter(({ figure: name }) => name !== 'pod_changes_per_second');
  const figures = Object.entries(figureOf).map(([name, { unit, goal }]) =>
    figure(`${name}_${nodes}`, all[name as keyof typeof all], unit, goal?.(nodes)),
  );
  // None may grow faster than the nodes do.
  const fastest = Math.max(...growth.map(({ perNode }) => perNode));
  if (growth.length > 0) figures.push(figure(`fastest_growth_per_node_${nodes}`, fastest, '', { atMost: 1 }));
  return { figures, details: { ...details, syncs, growth } };
}

/**
 * Waits until every NetExporter has been reconciled after the start, and until the garbage of the start is collected.
 */
async function reconciled(bench: BenchCluster, operator: MeasuredOperator): Promise<void> {
  const count = (metrics: Metrics) =>
    metrics.sum('controller_runtime_reconcile_total', { controller: 'netexporter', result: 'success' });
  let last = -1;
  for (let now = 0; now === 0 || now !== last; now = count(await operator.metrics())) {
    last = now;
    await bench.pass(3);
  }
}

/**
 * From the moment a NetExporter is sent until a watch shows its DaemonSet, in seconds; several, one after the other.
 */
async function applyToDaemonSet(bench: BenchCluster, { api }: OperatorBench, times: number): Promise<number[]> {
  const { metadata } = await api.send<{ metadata: { resourceVersion: string } }>('GET', `${daemonSets}?limit=1`);
  const end = new AbortController();
  const watch = api.added(daemonSets, metadata.resourceVersion, AbortSignal.any([end.signal, bench.signal]));
  const seconds: number[] = [];
  try {
    for (let time = 0; time < times; time++) {
      const name = `applied-${time}`;
      const started = performance.now();
      const [next] = await Promise.all([watch.next(), api.send('POST', resources, netExporter(namespace, name, {}))]);
      if (next.done || next.value.name !== `${name}-agent`)
        throw new Error(`another DaemonSet came: ${next.value?.name}`);
      seconds.push((performance.now() - started) / 1000);
      await bench.pass(0.5);
    }
  } finally {
    end.abort();
    await removeApplied(api, times);
  }
  return seconds;
}

/** There is no garbage collection without the controller manager. */
async function removeApplied(api: OperatorBench['api'], times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const path = `${resources}/applied-${time}`;
    await api.send('DELETE', path).catch((error: Error) => {
      if (!error.message.includes('NotFound')) throw error;
    });
    const selector = `labelSelector=app.kubernetes.io/instance=applied-${time}`;
    for (const kind of [
      'apis/apps/v1/daemonsets',
      'api/v1/configmaps',
      'api/v1/services',
      'api/v1/serviceaccounts',
      'apis/networking.k8s.io/v1/networkpolicies',
    ]) {
      const slash = kind.lastIndexOf('/');
      const collection = `/${kind.slice(0, slash)}/namespaces/${namespace}${kind.slice(slash)}`;
      await api.send('DELETE', `${collection}?${selector}`, { propagationPolicy: 'Background' });
    }
  }
}
