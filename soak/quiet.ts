import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { prometheusRuleSpec } from '../charts/monitoring/prometheus-rule.ts';
import type { NetExporter } from '../src/crd/net-exporter.ts';
import { AlertWatch } from '../test/alerts/alert-watch.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { getJson } from '../test/e2e/agents.ts';
import { apply, netExporter, waitForAgents, waitForSync } from '../test/e2e/environment.ts';
import { WatchedFleet } from '../test/e2e/watched-fleet.ts';
import { quietEvents } from './alerts/quiet-events.ts';
import { quietVerdict } from './alerts/quiet-verdict.ts';
import type { PlannedStage } from './judge/planned-events.ts';
import { Rounds } from './operations/choice.ts';
import { Random } from './random.ts';
import type { Soak } from './soak.ts';

/** Two in each of three zones. */
const nodes = 6;
const name = 'soak';
const probing = { interval: '5s' };
const hosts = ['kubernetes.default.svc.cluster.local.'];
const spec = { dns: { ...probing, hosts }, network: { ...probing, protocols: ['TCP', 'UDP'] } };
/** Pause after each event, in seconds. */
const pause = 30;

/**
 * Drains, rollouts, scaling and changes of the leader, each kind once in an order of chance, then again, with the rules
 * for this NetExporter on a Prometheus: no alert fires, and none is pending but those about agents and operators that
 * are replaced.
 */
export const run: Soak = async ({ seed, minutes, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const { cluster, kubectl } = bench;
    await apply(kubectl, netExporter(namespace, name, spec));
    await waitForAgents(kubectl, namespace, name, nodes);
    const object = await getJson<NetExporter>(kubectl, ['netexporter', '-n', namespace, name]);
    await using alerts = await AlertWatch.start(cluster.kubeconfig, prometheusRuleSpec(object).groups);
    const random = new Random(seed);
    const rounds = new Rounds(quietEvents, random);
    const stage: PlannedStage = {
      ...{ bench, cluster, kubectl, namespace, name },
      ...{ choose: (items, count) => random.sample(items, count), fleet: new WatchedFleet(bench, namespace, name) },
    };
    const events: string[] = [];
    for (const endAt = performance.now() + minutes * 60_000; performance.now() < endAt; ) {
      const event = rounds.next();
      log(`${events.length + 1} (${event.name})`);
      const undo = new Cleanups();
      await undo.after(() => event.run(stage, undo), log);
      events.push(event.name);
      await waitForSync(kubectl, namespace, name, cluster.nodes.length);
      await bench.pass(pause);
    }
    const recorded = await alerts.prometheus.query('count({__name__=~"netexporter.*:.*"})');
    const times = await alerts.times();
    const verdict = quietVerdict({ events, kinds: quietEvents.length, times, recorded: recorded[0]?.value ?? 0 });
    return { ...verdict, details: { events, times } };
  });
