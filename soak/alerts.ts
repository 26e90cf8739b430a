import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { prometheusRuleSpec } from '../charts/monitoring/prometheus-rule.ts';
import { oneOf } from '../src/base/command-line.ts';
import type { NetExporter } from '../src/crd/net-exporter.ts';
import { type AlertTime, describeAlert, suspectKeyOf } from '../test/alerts/alert-history.ts';
import { AlertWatch } from '../test/alerts/alert-watch.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { getJson } from '../test/e2e/agents.ts';
import { apply, netExporter, waitForAgents, waitForSync } from '../test/e2e/environment.ts';
import { ClusterApi } from '../test/faults/cluster-api.ts';
import type { FaultSite } from '../test/judge/fault-site.ts';
import { SuspectWatch } from '../test/judge/suspect-watch.ts';
import { type AlertFault, alertFaults } from './alerts/alerting-faults.ts';
import { type DoneFault, verdict } from './alerts/verdict.ts';
import { Rounds } from './operations/choice.ts';
import { Random } from './random.ts';
import type { Soak, SoakResult } from './soak.ts';

/** Two in each of three zones. */
const nodes = 6;
const name = 'soak';
const probing = { interval: '5s' };
const hosts = ['kubernetes.default.svc.cluster.local.'];
const spec = { dns: { ...probing, hosts }, network: { ...probing, protocols: ['TCP', 'UDP'] } };
/** Beyond the time in which an alert is to fire, it is waited for so long. Seconds. */
const graceSeconds = 120;
/** A fault that need not make an alert lasts so long; another one lasts on for a moment. Seconds. */
const mayLast = 120;
const lookSeconds = 15;
/** Within so many seconds everything is at rest again. */
const restDeadline = 900;

/**
 * The rules for a NetExporter on a Prometheus, with the times that users have: each kind of fault once in an order of
 * chance, then again. Each makes the alerts that it must make and no other, and they are resolved before the next one
 * begins. It does each kind once, whatever time it was given.
 */
export const run: Soak = async ({ seed, minutes, faults, signal, log }) => {
  const names = alertFaults.map((fault) => fault.name);
  for (const fault of faults ?? []) oneOf('fault', names, fault);
  const chosen = alertFaults.filter((fault) => faults === undefined || faults.includes(fault.name));
  return await BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const { cluster, kubectl } = bench;
    const api = await ClusterApi.of(cluster.kubeconfig);
    try {
      await apply(kubectl, netExporter(namespace, name, spec));
      await waitForAgents(kubectl, namespace, name, nodes);
      const object = await getJson<NetExporter>(kubectl, ['netexporter', '-n', namespace, name]);
      await using suspects = await SuspectWatch.start(api, namespace, name);
      await using alerts = await AlertWatch.start(cluster.kubeconfig, prometheusRuleSpec(object).groups);
      const random = new Random(seed);
      const soak = new AlertsSoak(bench, suspects, alerts, random);
      const rounds = new Rounds(chosen, random);
      const endAt = performance.now() + minutes * 60_000;
      for (let done = 0; done < chosen.length || performance.now() < endAt; done++)
        if (!(await soak.perform(rounds.next()))) break;
      return await soak.result();
    } finally {
      api.close();
    }
  });
};

class AlertsSoak {
  readonly #bench: BenchCluster;
  readonly #suspects: SuspectWatch;
  readonly #alerts: AlertWatch;
  readonly #site: FaultSite;
  readonly #faults: DoneFault[] = [];
  readonly #failures: string[] = [];

  constructor(bench: BenchCluster, suspects: SuspectWatch, alerts: AlertWatch, random: Random) {
    this.#bench = bench;
    this.#suspects = suspects;
    this.#alerts = alerts;
    const { cluster, kubectl } = bench;
    this.#site = { cluster, kubectl, namespace, name, choose: (items, count) => random.sample(items, count) };
  }

  /** @returns whether everything is at rest afterwards, so that more can follow */
  async perform(fault: AlertFault): Promise<boolean> {
    const { signal, log } = this.#bench;
    const what = `${this.#faults.length + 1} (${fault.name})`;
    if (!(await this.#rests(`before ${what}`))) return false;
    log(what);
    const undo = new Cleanups();
    try {
      await undo.after(() => this.#inject(fault, undo), log);
    } catch (error) {
      signal.throwIfAborted();
      this.#failures.push(`${what}: ${(error as Error).message}`);
    }
    return await this.#rests(`after ${what}`);
  }

  async #inject({ name: kind, must, may, firesWithin, inject }: AlertFault, undo: Cleanups): Promise<void> {
    const { signal, log } = this.#bench;
    const from = now();
    const key = await inject(this.#site, undo);
    const until = Number.POSITIVE_INFINITY;
    const done = { ...{ name: kind, must, may, firesWithin, from, until }, ...(key !== undefined && { key }) };
    this.#faults.push(done);
    const areFiring = (firing: AlertTime[]) =>
      must.every((alert) =>
        firing.some((time) => time.alert === alert && [undefined, key].includes(suspectKeyOf(time))),
      );
    try {
      const fired = await this.#alerts.until(areFiring, firesWithin + graceSeconds, signal);
      log(`  ${fired ? 'fires' : 'does not fire'} after ${Math.round(now() - from)} s: ${await this.#firingNow()}`);
      await this.#bench.pass(must.length === 0 ? mayLast : lookSeconds);
    } finally {
      done.until = now();
    }
  }

  async #firingNow(): Promise<string> {
    return (await this.#alerts.firing()).map(describeAlert).join(', ') || 'none';
  }

  /** Waits until agents, verdict and alerts are as without a fault. */
  async #rests(when: string): Promise<boolean> {
    const { kubectl, cluster, signal, log } = this.#bench;
    const began = now();
    await waitForSync(kubectl, namespace, name, cluster.nodes.length);
    const isHealthy = await this.#suspects.untilHealthy(restDeadline, signal);
    // The budget of half an hour recovers in half an hour.
    const areOver = (firing: AlertTime[]) => firing.every(({ alert }) => alert === 'NetExporterDNSErrorBudget');
    if (isHealthy && (await this.#alerts.until(areOver, restDeadline, signal))) {
      log(`  at rest after ${Math.round(now() - began)} s`);
      return true;
    }
    const rest = isHealthy ? await this.#firingNow() : JSON.stringify(this.#suspects.now);
    this.#failures.push(`not at rest ${when}: ${rest}`);
    return false;
  }

  async result(): Promise<SoakResult> {
    const times = await this.#alerts.times();
    const { figures, failures } = verdict({ faults: this.#faults, kinds: alertFaults.length, times });
    return { figures, failures: [...this.#failures, ...failures], details: { faults: this.#faults, times } };
  }
}

/** Seconds since the epoch. */
function now(): number {
  return Date.now() / 1000;
}
