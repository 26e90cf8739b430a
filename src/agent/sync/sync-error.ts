import type { settingsMetrics } from '../../contract/metrics/agent-metrics.ts';
import type { LabelValue } from '../../contract/metrics/metric.ts';

/** Why a sync request failed: the results that `net_exporter_sync_requests_total` counts, but for `ok`. Their meanings are declared there. */
export type SyncFailure = Exclude<LabelValue<typeof settingsMetrics.requests, 'result'>, 'ok'>;

/** A request that brought no answer; `message` says why, and holds no part of a credential. */
export class SyncError extends Error {
  readonly code: SyncFailure;
  /** After how many milliseconds whoever answered wants to be asked again. */
  readonly retryAfterMs: number | undefined;
  override readonly name = 'SyncError';

  constructor(code: SyncFailure, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
