import { type BackoffLimits, backoffDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { events } from '../events/event.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { checkedPage } from '../kube/checked-answers.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { refusalOf } from '../status/pod-refusal.ts';

/**
 * Between two looks at the Events of a DaemonSet while pods are missing: the API server reads all Events of the
 * namespace for each.
 */
const looks: BackoffLimits = { baseMs: 30_000, maxMs: 300_000 };

/** Events that are read. The recorder of the DaemonSet controller merges all after the tenth in ten minutes. */
const maxEvents = 50;

/**
 * An Event that is older says nothing about the present: the DaemonSet controller tries again at the latest every 1,000
 * seconds.
 */
const maxAgeMs = 20 * 60_000;

/** What is read of an Event of events.k8s.io/v1, which may have been written as one of the core group. */
interface RefusalEvent extends KubeObject {
  note?: string;
  eventTime?: string;
  deprecatedLastTimestamp?: string;
  series?: { lastObservedTime?: string };
}

/** Why the pods of one DaemonSet cannot be created: what its Events say, read at increasing intervals. */
export class PodRefusals {
  readonly #client: Pick<ApiClient, 'list'>;
  readonly #clock: Clock;
  readonly #random: () => number;
  #daemonSet = '';
  #looks = 0;
  #nextAt = 0;
  #latest: string | undefined;

  constructor(client: Pick<ApiClient, 'list'>, clock: Clock, random: () => number) {
    this.#client = client;
    this.#clock = clock;
    this.#random = random;
  }

  /** The API server's answer in the newest Event, as of the last look; undefined if there was none. */
  get latest(): string | undefined {
    return this.#latest;
  }

  /** In how many milliseconds the next look is due. */
  get dueInMs(): number {
    return Math.max(0, this.#nextAt - this.#clock.monotonic());
  }

  /** No pod is missing any more, or not for long. */
  forget(): void {
    this.#looks = 0;
    this.#nextAt = 0;
    this.#latest = undefined;
  }

  /**
   * Reads the Events of the DaemonSet if that is due.
   * @throws ApiError; the next look is due after the usual interval
   */
  async look({ metadata }: KubeObject, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid, generation } = metadata as KubeObject['metadata'] & { namespace: string };
    const identity = `${uid}/${generation}`;
    if (identity !== this.#daemonSet) this.forget();
    this.#daemonSet = identity;
    if (this.dueInMs > 0) return;
    this.#nextAt = this.#clock.monotonic() + backoffDelay(++this.#looks, looks, this.#random);
    const fieldSelector = `regarding.uid=${uid},reason=FailedCreate`;
    const page = await this.#client.list(events, { namespace, fieldSelector, limit: maxEvents }, signal);
    const { items } = checkedPage(page, events);
    const oldest = this.#clock.wall() - maxAgeMs;
    const newest = (items as RefusalEvent[])
      .map((event) => ({ note: event.note, at: timeOf(event) }))
      .filter(({ note, at }) => typeof note === 'string' && at >= oldest)
      .reduce<{ note?: string | undefined; at: number }>((a, b) => (b.at >= a.at ? b : a), { at: oldest });
    this.#latest = newest.note === undefined ? undefined : refusalOf(newest.note, name);
  }
}

/** When an Event happened last, in milliseconds since the epoch; 0 if it has no valid time. */
function timeOf({ series, deprecatedLastTimestamp, eventTime, metadata }: RefusalEvent): number {
  const { creationTimestamp } = metadata as { creationTimestamp?: string };
  const time = series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? creationTimestamp ?? '';
  return Date.parse(time) || 0;
}
