import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { Allowance } from '../cache/allowance.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type KubeObject, keyOf as objectKeyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { type DnsSlice, dnsSliceOf } from './dns-service.ts';

/** Minimum time between two lists, in milliseconds: the selection may change with every NetExporter. */
const intervalMs = 1000;

/** A list that takes longer is abandoned if the selection has changed, in milliseconds. */
const staleMs = 5000;

export interface SliceWatchOptions {
  client: Pick<ApiClient, 'list' | 'watch'>;
  /** EndpointSlices. */
  resource: Resource;
  /** The label selector that covers these keys. */
  selectorOf: (keys: readonly string[]) => string;
  /** The key of an EndpointSlice. */
  keyOf: (object: KubeObject) => string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** An EndpointSlice could not be processed. */
  onFault: (resource: Resource) => void;
  /** The slices of some key may have changed. */
  onChange: () => void;
}

interface KeyedSlice extends DnsSlice {
  key: string;
}

/** One list and the watch that follows it. */
interface Copy {
  limits: ReadonlyMap<string, number>;
  slices: Store<KeyedSlice>;
  reflector: Reflector<KeyedSlice>;
  end: AbortController;
  since: number;
}

/**
 * Watches the EndpointSlices of any number of keys, in all namespaces, with one watch. When the keys change, a new list
 * begins, and the previous copy serves until the new one is complete.
 */
export class SliceWatch {
  readonly #options: SliceWatchOptions;
  #wanted: ReadonlyMap<string, number> = new Map();
  #current: Copy | undefined;
  /** Its first list is in progress. */
  #next: Copy | undefined;
  /** When the last list began. */
  #begunAt = Number.NEGATIVE_INFINITY;
  #cancelTimer = () => {};
  readonly #running = new Set<Promise<void>>();

  constructor(options: SliceWatchOptions) {
    this.#options = options;
  }

  /**
   * Watches the slices of these keys and no others.
   * @param limits maximum number of endpoints that are kept, by key. What is left out comes back with the next change
   *   of its slice
   */
  watch(limits: ReadonlyMap<string, number>): void {
    this.#wanted = limits;
    this.#renew();
  }

  /** The slices of a key; undefined until they have been listed. */
  slicesOf(key: string): DnsSlice[] | undefined {
    return this.#current?.limits.has(key) ? this.#current.slices.byIndex('key', key) : undefined;
  }

  /** What people should know, each in a sentence: why the slices are not up to date, or what of them is unreadable. */
  get notices(): string[] {
    // A list that has just begun is no news.
    const isSlow = this.#next && this.#options.clock.monotonic() - this.#next.since >= staleMs;
    const copy = isSlow ? this.#next : this.#current;
    const { obstacle, notices = [] } = copy?.reflector ?? {};
    return [...(obstacle === undefined ? [] : [obstacle]), ...notices];
  }

  /** Ends the watch. */
  async stop(): Promise<void> {
    this.watch(new Map());
    await Promise.all(this.#running);
  }

  /**
   * Begins a new list if the keys or their limits have changed, at the earliest when the previous one is complete or
   * stale.
   */
  #renew(): void {
    this.#cancelTimer();
    const latest = this.#next ?? this.#current;
    if (this.#wanted.size === 0) {
      for (const copy of [this.#current, this.#next]) copy?.end.abort(new Error('no NetExporter refers to it'));
      this.#current = this.#next = undefined;
      return;
    }
    if (latest && isDeepStrictEqual(latest.limits, this.#wanted)) return;
    const waitMs = this.#begunAt + (this.#next ? staleMs : intervalMs) - this.#options.clock.monotonic();
    if (waitMs > 0) this.#cancelTimer = this.#options.clock.after(waitMs, () => this.#renew());
    else this.#begin();
  }

  #begin(): void {
    this.#next?.end.abort(new Error('the selection has changed'));
    const { client, resource, selectorOf, keyOf, clock, random, log, onFault, onChange } = this.#options;
    const limits = this.#wanted;
    const end = new AbortController();
    const slices = new Store<KeyedSlice>({ key: ({ key }) => [key] });
    const allowances = new Map([...limits].map(([key, limit]) => [key, new Allowance(limit)]));
    const release = (objectKey: string) => {
      for (const allowance of allowances.values()) allowance.release(objectKey);
    };
    const transform = (object: KubeObject): KeyedSlice | undefined => {
      const objectKey = objectKeyOf(object);
      release(objectKey);
      const key = keyOf(object);
      const allowance = allowances.get(key);
      if (!allowance) return undefined;
      const slice = dnsSliceOf(object, allowance.left);
      allowance.take(objectKey, slice.endpoints.length);
      return { key, ...slice };
    };
    const onList = () => {
      // A list that failed may have taken parts for slices that never came into the store.
      for (const allowance of allowances.values()) allowance.retain((slice) => slices.entry(slice) !== undefined);
    };
    const labelSelector = selectorOf([...limits.keys()].sort());
    const reflector = new Reflector({
      ...{ client, resource, labelSelector, store: slices, transform, onList, onFault, clock, random, log },
    });
    const copy = { limits, slices, reflector, end, since: clock.monotonic() };
    this.#begunAt = copy.since;
    slices.onChange(({ key, after }) => {
      if (!after) release(key);
      if (copy === this.#current) onChange();
    });
    this.#next = copy;
    void reflector.synced.then(() => {
      if (copy === this.#next) this.#adopt(copy);
    });
    const running = reflector.run(end.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
    this.#renew();
  }

  #adopt(copy: Copy): void {
    this.#current?.end.abort(new Error('the selection has changed'));
    this.#current = copy;
    this.#next = undefined;
    this.#options.onChange();
    this.#renew();
  }
}
