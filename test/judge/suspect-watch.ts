import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '../cluster/wait.ts';
import type { ClusterApi } from '../faults/cluster-api.ts';
import { keysOf, type Snapshot } from './outcomes.ts';

/** Pause between two reads of the status, in milliseconds. */
const pauseMs = 250;

interface StatusObject {
  status?: { suspects?: Snapshot['suspects']; conditions?: (Snapshot['conditions'][string] & { type: string })[] };
}

/** Reads a NetExporter's status again and again, and keeps every change of what it says about the network. */
export class SuspectWatch implements AsyncDisposable {
  /** Oldest first. */
  readonly snapshots: Snapshot[] = [];
  readonly #api: Pick<ClusterApi, 'get'>;
  readonly #path: string;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #failure: Error | undefined;

  private constructor(api: Pick<ClusterApi, 'get'>, namespace: string, name: string) {
    this.#api = api;
    this.#path = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters/${name}`;
    this.#running = this.#run();
  }

  /** Resolves as soon as the status has been read once. */
  static async start(api: Pick<ClusterApi, 'get'>, namespace: string, name: string): Promise<SuspectWatch> {
    const watch = new SuspectWatch(api, namespace, name);
    await waitFor('a status', () => watch.snapshots.length > 0, { timeout: 30_000 });
    return watch;
  }

  /** What was read last. */
  get now(): Snapshot {
    return this.snapshots.at(-1)!;
  }

  /**
   * Waits until the status is so.
   * @param seconds at most
   * @returns whether it came true
   */
  async until(isSo: (now: Snapshot) => boolean, seconds: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + seconds * 1000;
    while (!isSo(this.now)) {
      if (performance.now() > deadline) return false;
      await sleep(pauseMs, undefined, { signal });
    }
    return true;
  }

  /** Waits until nothing is suspected and all that the judge says is known. As {@link until}. */
  untilHealthy(seconds: number, signal?: AbortSignal): Promise<boolean> {
    const types = ['Ready', 'NetworkHealthy', 'DNSHealthy'];
    const isHealthy = (now: Snapshot) =>
      now.suspects.length === 0 && types.every((type) => now.conditions[type]?.status === 'True');
    return this.until(isHealthy, seconds, signal);
  }

  /** Waits until there is a suspect with this key. As {@link until}. */
  untilFound(key: string, seconds: number, signal?: AbortSignal): Promise<boolean> {
    return this.until((now) => keysOf(now).includes(key), seconds, signal);
  }

  /** Waits until there is no suspect with this key. As {@link until}. */
  untilCleared(key: string, seconds: number, signal?: AbortSignal): Promise<boolean> {
    return this.until((now) => !keysOf(now).includes(key), seconds, signal);
  }

  /** Ends it. @throws what the last read failed with */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running;
    if (this.#failure) throw this.#failure;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#read().then(
        () => {
          this.#failure = undefined;
        },
        (error: Error) => {
          this.#failure = error;
        },
      );
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  async #read(): Promise<void> {
    const { status } = await this.#api.get<StatusObject>(this.#path);
    const conditions = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, status: is, reason, message }) => [
        type,
        { status: is, reason, message },
      ]),
    );
    const suspects = status?.suspects ?? [];
    const last = this.snapshots.at(-1);
    if (last && isDeepStrictEqual([last.suspects, last.conditions], [suspects, conditions])) return;
    this.snapshots.push({ at: performance.now(), wall: Date.now(), suspects, conditions });
  }
}
