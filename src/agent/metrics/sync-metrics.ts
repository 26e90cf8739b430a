import type { Counter, Gauge, Registry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import { settingsMetrics } from '../../contract/metrics/agent-metrics.ts';
import { type LabelValue, labelValues } from '../../contract/metrics/metric.ts';
import { newCounter, newGauge } from '../../metrics/declared.ts';
import type { Source } from '../sources/source-decision.ts';
import type { ReportDropReason, ReportEvents } from '../sync/report-ledger.ts';
import type { SyncEvents } from '../sync/sync-client.ts';
import type { SyncFailure } from '../sync/sync-error.ts';

/** Metrics of the sources of settings and peers, and of sync requests. */
export class SyncMetrics implements SyncEvents, ReportEvents {
  readonly #clock: Clock;
  readonly #requests: Counter;
  readonly #reportDrops: Counter;
  readonly #revision: Gauge;
  readonly #sources: Gauge;
  /** Time of the last response, or of the first request; undefined while there is no operator. */
  #heardAt: number | undefined;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const registers = [registry];
    const age = () => (this.#heardAt === undefined ? 0 : (clock.monotonic() - this.#heardAt) / 1000);
    newGauge(settingsMetrics.syncAge, registers, function () {
      this.set(age());
    });
    this.#requests = newCounter(settingsMetrics.requests, registers);
    for (const result of labelValues(settingsMetrics.requests, 'result')) this.#requests.inc({ result }, 0);
    this.#reportDrops = newCounter(settingsMetrics.reportDrops, registers);
    for (const reason of labelValues(settingsMetrics.reportDrops, 'reason')) this.#reportDrops.inc({ reason }, 0);
    this.#revision = newGauge(settingsMetrics.revision, registers);
    this.#sources = newGauge(settingsMetrics.source, registers);
  }

  /** Whether there is an operator to sync with. */
  asks(asks: boolean): void {
    this.#heardAt = asks ? (this.#heardAt ?? this.#clock.monotonic()) : undefined;
  }

  requested(result: 'ok' | SyncFailure): void {
    this.#requests.inc({ result });
    if (result === 'ok') this.#heardAt = this.#clock.monotonic();
  }

  dropped(reason: ReportDropReason, targets: number): void {
    this.#reportDrops.inc({ reason }, targets);
  }

  settingsFrom(source: Source): void {
    this.#setSource('settings', source);
  }

  /** @param revision 0 without an assignment */
  peersInEffect(revision: number, source: Source | 'service' | undefined): void {
    this.#revision.set(revision);
    this.#setSource('peers', source);
  }

  #setSource(part: LabelValue<typeof settingsMetrics.source, 'part'>, source: Source | 'service' | undefined): void {
    for (const other of labelValues(settingsMetrics.source, 'source')) this.#sources.remove({ part, source: other });
    const declared: LabelValue<typeof settingsMetrics.source, 'source'> | undefined = source;
    if (declared) this.#sources.set({ part, source: declared }, 1);
  }
}
