import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import { scheduleMetrics, settingsMetrics } from '../../contract/metrics/agent-metrics.ts';
import { type LabelName, type LabelValue, labelValues } from '../../contract/metrics/metric.ts';
import { processMetrics } from '../../contract/metrics/process-metrics.ts';
import { newCounter, newGauge, newHistogram } from '../../metrics/declared.ts';
import { RecentMaximum } from '../../metrics/recent-maximum.ts';
import type { EchoDropReason } from '../echo/echo-responder.ts';
import type { ScheduleEvents, SkipReason } from '../plan/schedule.ts';
import type { TargetLimit } from '../plan/target-limits.ts';

/** Metrics of the agent itself: version, settings, schedule, echo responder. */
export class AgentMetrics implements ScheduleEvents {
  readonly #clock: Clock;
  readonly #lag = new RecentMaximum();
  readonly #info: Gauge<LabelName<typeof settingsMetrics.info>>;
  readonly #generation: Gauge;
  readonly #loaded: Gauge;
  readonly #loadErrors: Counter;
  readonly #lookupErrors: Counter;
  readonly #leftOut: Gauge;
  readonly #skipped: Counter;
  readonly #dropped: Counter;
  readonly #dwell: Histogram;
  /** Answers, counted here: a call of the counter takes longer than that, and peers send many. */
  #answered = 0;
  /** Impossible times that peers claimed. */
  #refused = 0;

  constructor(registry: Registry, version: string, clock: Clock, kernel: { readonly refusals: number } | undefined) {
    this.#clock = clock;
    const registers = [registry];
    newGauge(processMetrics.buildInfo, registers).set({ version }, 1);
    this.#info = newGauge(settingsMetrics.info, registers);
    this.#generation = newGauge(settingsMetrics.generation, registers);
    this.#loaded = newGauge(settingsMetrics.loaded, registers);
    this.#loadErrors = newCounter(settingsMetrics.loadErrors, registers);
    this.#lookupErrors = newCounter(settingsMetrics.lookupErrors, registers);
    this.#leftOut = newGauge(scheduleMetrics.leftOut, registers);
    for (const limit of labelValues(scheduleMetrics.leftOut, 'limit')) this.#leftOut.set({ limit }, 0);
    this.#skipped = newCounter(scheduleMetrics.skipped, registers);
    for (const reason of labelValues(scheduleMetrics.skipped, 'reason')) this.#skipped.inc({ reason }, 0);
    const answered = () => this.#answered;
    newCounter(scheduleMetrics.echoes, registers, function () {
      this.reset();
      this.inc(answered());
    });
    this.#dropped = newCounter(scheduleMetrics.dropped, registers);
    for (const reason of labelValues(scheduleMetrics.dropped, 'reason')) this.#dropped.inc({ reason }, 0);
    this.#dwell = newHistogram(scheduleMetrics.dwell, registers);
    const refused = () => (kernel?.refusals ?? 0) + this.#refused;
    newCounter(scheduleMetrics.timingRefused, registers, function () {
      this.reset();
      this.inc(refused());
    });
    const lag = this.#lag;
    newGauge(scheduleMetrics.lag, registers, function () {
      this.set(lag.at(clock.monotonic()));
    });
  }

  /** Where the agent runs. @param zone empty if the node has none or it is unknown */
  location(node: string, zone: string): void {
    this.#info.reset();
    this.#info.set({ agent_node: node, agent_zone: zone }, 1);
  }

  /** The settings of this generation are in effect. */
  settingsInEffect(generation: number): void {
    this.#generation.set(generation);
  }

  /** Numbers of targets that are not probed because of the limits. */
  leftOut(numbers: Record<TargetLimit, number>): void {
    for (const [limit, count] of Object.entries(numbers)) this.#leftOut.set({ limit }, count);
  }

  /** The settings file changed; `good` is whether it is valid. */
  settingsRead(good: boolean): void {
    this.#loaded.set(good ? 1 : 0);
    if (!good) this.#loadErrors.inc();
  }

  /** The agents' Service was looked up. */
  peersLookedUp(answered: boolean): void {
    if (!answered) this.#lookupErrors.inc();
  }

  /** Another agent's echo request was answered. @param dwellSeconds how long it waited; undefined if unknown */
  echoAnswered(dwellSeconds: number | undefined): void {
    this.#answered++;
    if (dwellSeconds !== undefined) this.#dwell.observe(dwellSeconds);
  }

  /** A datagram to the UDP echo got no answer. */
  echoDropped(reason: EchoDropReason): void {
    this.#dropped.inc({ reason: reason satisfies LabelValue<typeof scheduleMetrics.dropped, 'reason'> });
  }

  /** Peers claimed so many times that cannot be. */
  timesRefused(times: number): void {
    this.#refused += times;
  }

  late(seconds: number): void {
    this.#lag.record(seconds, this.#clock.monotonic());
  }

  skipped(reason: SkipReason | 'version', turns: number): void {
    this.#skipped.inc({ reason: reason satisfies LabelValue<typeof scheduleMetrics.skipped, 'reason'> }, turns);
  }
}
