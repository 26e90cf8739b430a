import type { Registry } from 'prom-client';
import { type LabelValue, labelValues } from '../../contract/metrics/metric.ts';
import { syncServerMetrics } from '../../contract/metrics/operator-metrics.ts';
import { newCounter, newGauge } from '../../metrics/declared.ts';
import type { RefusalCode } from './identity/sync-refusal.ts';

/** What became of a request: with something new for the agent, without, or refused. */
export type RequestResult = 'changed' | 'unchanged' | RefusalCode;

/** Why a connection ended before a request was understood; the meanings are declared with the metric. */
export type ConnectionFault = LabelValue<typeof syncServerMetrics.connectionErrors, 'reason'>;

/** Told about what happens on the sync server, for metrics. */
export interface SyncObserver {
  answered(result: RequestResult): void;
  failed(fault: ConnectionFault): void;
}

const results: Record<RequestResult, LabelValue<typeof syncServerMetrics.requests, 'result'>> = {
  changed: 'changed',
  unchanged: 'unchanged',
  NoToken: 'no_token',
  InvalidToken: 'invalid_token',
  NotAnAgent: 'not_an_agent',
  NotFound: 'not_found',
  TooLarge: 'too_large',
  InvalidSync: 'invalid',
  TooManyRequests: 'rate_limited',
  Superseded: 'superseded',
  Unavailable: 'unavailable',
};

/** The metrics of the sync server. */
export class SyncMetrics {
  readonly #registry: Registry;
  readonly observer: SyncObserver;

  constructor(registry: Registry) {
    this.#registry = registry;
    const requests = newCounter(syncServerMetrics.requests, [registry]);
    const errors = newCounter(syncServerMetrics.connectionErrors, [registry]);
    // A rate over a series needs the series before the first failure.
    for (const result of labelValues(syncServerMetrics.requests, 'result')) requests.inc({ result }, 0);
    for (const reason of labelValues(syncServerMetrics.connectionErrors, 'reason')) errors.inc({ reason }, 0);
    this.observer = {
      answered: (result) => requests.inc({ result: results[result] }),
      failed: (reason) => errors.inc({ reason }),
    };
  }

  /** Shows at the time of the scrape how many connections there are, and how many requests wait for an answer. */
  watch({ connections, held }: { connections: () => number; held: () => number }): void {
    newGauge(syncServerMetrics.connections, [this.#registry], function () {
      this.set(connections());
    });
    newGauge(syncServerMetrics.held, [this.#registry], function () {
      this.set(held());
    });
  }

  /**
   * Shows at the time of the scrape when the certificates end, in seconds since the epoch; nothing while there are
   * none.
   */
  watchCertificates(
    ends: () => Record<LabelValue<typeof syncServerMetrics.certificateEnd, 'certificate'>, number> | undefined,
  ): void {
    newGauge(syncServerMetrics.certificateEnd, [this.#registry], function () {
      this.reset();
      for (const [certificate, end] of Object.entries(ends() ?? {})) this.set({ certificate }, end);
    });
  }
}
