import type { Gauge, Metric, Registry } from 'prom-client';
import { scheduleMetrics } from '../../contract/metrics/agent-metrics.ts';
import { labelValues } from '../../contract/metrics/metric.ts';
import { networkMetrics } from '../../contract/metrics/probe-metrics.ts';
import { newGauge } from '../../metrics/declared.ts';
import type { Target } from '../plan/targets.ts';
import { dnsFamily } from '../probes/dns/dns-metrics.ts';
import { networkFamily } from '../probes/network-metrics.ts';
import { ntpFamily } from '../probes/ntp/ntp-metrics.ts';
import type { Losses, ProbeResult, Timing } from '../probes/probe.ts';
import type { ProbeFamily } from '../probes/probe-family.ts';

type Labels = Record<string, string>;

/**
 * The series of all targets. They exist at zero from the moment a target is planned and are removed with it. Results of
 * a removed target are ignored.
 */
export class ProbeMetrics {
  readonly #families: Record<Target['probe'], ProbeFamily>;
  readonly #registry: Registry;
  readonly #decided: Timing;
  readonly #timing: Gauge;
  readonly #timings = new Map<string, Labels>();
  #planned = new Map<string, Target>();

  /** @param decided source of latencies as determined at start, exposed until a probe has reported its actual source */
  constructor(registry: Registry, decided: Timing) {
    this.#registry = registry;
    this.#decided = decided;
    this.#families = { dns: dnsFamily(registry), network: networkFamily(registry), ntp: ntpFamily() };
    this.#timing = newGauge(scheduleMetrics.timing, [registry]);
  }

  /** Creates the series of new targets and removes those of removed targets. Others keep their values. */
  plan(targets: readonly Target[]): void {
    const next = new Map(targets.map((target) => [target.key, target]));
    const before = this.#planned;
    for (const [key, target] of before) if (!next.has(key)) this.#remove(target);
    for (const [key, target] of next) if (!before.has(key)) this.#add(target);
    this.#planned = next;
    this.#showOptional();
    const shared = (all: Iterable<Target>) => new Map([...all].map((target) => [this.#sharedKey(target), target]));
    const [sharedBefore, sharedNext] = [shared(before.values()), shared(next.values())];
    for (const [key, target] of sharedBefore) if (!sharedNext.has(key)) this.#removeShared(target);
    for (const [key, target] of sharedNext) if (!sharedBefore.has(key)) this.#addShared(target);
    const probes = new Set([...next.values()].map(timingKey));
    for (const [key, labels] of this.#timings) if (!probes.has(key)) this.#removeTiming(key, labels);
    for (const target of next.values())
      if (!this.#timings.has(timingKey(target))) this.#setTiming(target, this.#decided);
  }

  /** Records the result of a turn. */
  record(target: Target, result: ProbeResult): void {
    if (!this.#planned.has(target.key)) return;
    const { latency, errors, retransmits, losses, failures, shared, extra } = this.#families[target.probe];
    for (const seconds of result.latencies) latency.observe(target.labels, seconds);
    if (result.failures.length > 0) errors.inc(target.labels, result.failures.length);
    for (const reason of result.failures) failures.inc({ ...shared(target.labels), reason });
    if (result.retransmits > 0) retransmits(target.labels)?.inc(target.labels, result.retransmits);
    for (const direction of directions) {
      const lost = result.losses?.[direction] ?? 0;
      if (lost > 0) losses(target.labels)?.inc(lossLabels(target, direction), lost);
    }
    if (result.latencies.length > 0) this.#setTiming(target, result.timing);
    extra?.record(target.labels, result);
  }

  /** Counts a turn that failed because of an error in the agent. */
  fault(probe: Target['probe']): void {
    this.#families[probe].faults.inc();
  }

  #add(target: Target): void {
    const { latency, errors, retransmits, losses, extra } = this.#families[target.probe];
    latency.zero(target.labels);
    errors.inc(target.labels, 0);
    retransmits(target.labels)?.inc(target.labels, 0);
    for (const direction of directions) losses(target.labels)?.inc(lossLabels(target, direction), 0);
    extra?.add(target.labels);
  }

  #remove(target: Target): void {
    const { latency, errors, retransmits, losses, extra } = this.#families[target.probe];
    for (const metric of [latency, errors, retransmits(target.labels)]) metric?.remove(target.labels);
    for (const direction of directions) losses(target.labels)?.remove(lossLabels(target, direction));
    extra?.remove(target.labels);
  }

  #addShared(target: Target): void {
    const { failures, reasons, shared } = this.#families[target.probe];
    for (const reason of reasons(target.labels)) failures.inc({ ...shared(target.labels), reason }, 0);
  }

  #removeShared(target: Target): void {
    const { failures, reasons, shared } = this.#families[target.probe];
    for (const reason of reasons(target.labels)) failures.remove({ ...shared(target.labels), reason });
  }

  #sharedKey(target: Target): string {
    return JSON.stringify([target.probe, this.#families[target.probe].shared(target.labels)]);
  }

  /**
   * Registers the metrics of families that get their first target, and removes those of families that lose their last.
   */
  #showOptional(): void {
    const probes = new Set([...this.#planned.values()].map(({ probe }) => probe));
    for (const [probe, { optional = [], faults }] of Object.entries(this.#families))
      for (const metric of optional) {
        const name = nameOf(metric);
        const shown = this.#registry.getSingleMetric(name) !== undefined;
        const wanted = probes.has(probe as Target['probe']);
        if (wanted && !shown) this.#registry.registerMetric(metric);
        if (!wanted && shown) this.#registry.removeSingleMetric(name);
        if (!wanted && metric === faults) faults.reset();
      }
  }

  #setTiming(target: Target, source: Timing): void {
    const key = timingKey(target);
    const held = this.#timings.get(key);
    if (held?.source === source) return;
    if (held) this.#removeTiming(key, held);
    const labels = { probe: target.probe, protocol: protocolOf(target), source };
    this.#timings.set(key, labels);
    this.#timing.set(labels, 1);
  }

  #removeTiming(key: string, labels: Labels): void {
    this.#timing.remove(labels);
    this.#timings.delete(key);
  }
}

const directions: readonly (keyof Losses)[] = labelValues(networkMetrics.losses, 'direction');

/** Only UDP knows the direction, so the protocol is not a label. */
function lossLabels({ labels }: Target, direction: keyof Losses): Labels {
  const { protocol: _, ...peer }: Labels = labels;
  return { ...peer, direction };
}

function timingKey(target: Target): string {
  return `${target.probe} ${protocolOf(target)}`;
}

function protocolOf(target: Target): string {
  return target.probe === 'ntp' ? 'UDP' : target.labels.protocol;
}

/** Missing in the types of prom-client. */
function nameOf(metric: Metric): string {
  return (metric as Metric & { name: string }).name;
}
