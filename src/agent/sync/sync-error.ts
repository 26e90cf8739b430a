import type { settingsMetrics } from '../../contract/metrics/agent-metrics.ts';
import type { LabelValue } from '../../contract/metrics/metric.ts';

/**
 * Why a sync request failed: the results of `net_exporter_sync_requests_total` other than `ok`, which declares their
 * meanings.
 */
export type SyncFailure = Exclude<LabelValue<typeof settingsMetrics.requests, 'result'>, 'ok'>;

/** A failed sync request; `message` says why, and never contains a credential. */
export class SyncError extends Error {
  readonly code: SyncFailure;
  /** Delay that the server requested with Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  override readonly name = 'SyncError';

  constructor(code: SyncFailure, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
