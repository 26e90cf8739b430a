import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { isApiError } from '../kube/api-error.ts';
import { type Lease, type LeaseSpec, leaseTiming, released, renewed, takenBy } from './lease.ts';
import type { LeaseAccess } from './lease-access.ts';
import { freeFrom, type LeaseObservation, observeLease } from './lease-observation.ts';

/**
 * Back-off of attempts to acquire a Lease that seems free. The maximum is low, so that a recovered API server is used
 * soon.
 */
const backoff = { baseMs: 100, maxMs: leaseTiming.retryMs };

/** A time on both clocks: the monotonic one stops while a machine sleeps, the wall clock can be set. */
interface Moment {
  monotonic: number;
  wall: number;
}

/** The Lease as this process last wrote it. */
interface HeldLease {
  spec: LeaseSpec;
  resourceVersion: string;
  /** When that write was sent; the API server stored it later. */
  renewedAt: Moment;
}

export interface LeaseElectorOptions {
  access: Pick<LeaseAccess, 'read' | 'write'>;
  /** Unique to this process. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** The Lease is lost. The process must write nothing and exit. */
  onLost: (why: string) => void;
}

/**
 * Elects one of several processes by a Lease, like client-go's leaderelection. A candidate acquires a Lease without a
 * holder, or one that was not renewed for its duration, measured by the candidate's monotonic clock. The holder
 * measures from when it *sent* the last successful renewal. So clocks may differ in time, but their rates may differ by
 * at most 3 %.
 */
export class LeaseElector {
  readonly #options: LeaseElectorOptions;
  readonly #end = new AbortController();
  #observation: LeaseObservation | undefined;
  #wake = () => {};
  #held: HeldLease | undefined;
  #cancelDeadline = () => {};
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: LeaseElectorOptions) {
    this.#options = options;
  }

  /** Processes an observation of the Lease. @param lease undefined if there is none */
  observe(lease: Lease | undefined): void {
    this.#observation = observeLease(this.#observation, lease, this.#options.clock.monotonic());
    this.#wake();
  }

  /** The Lease's holder, if known. */
  get holder(): string | undefined {
    return (this.#held ? this.#options.identity : this.#observation?.spec?.holderIdentity) || undefined;
  }

  /** Whether a write may start now. */
  get isLeading(): boolean {
    if (!this.#held || this.#end.signal.aborted) return false;
    const { monotonic, wall } = this.#held.renewedAt;
    const { clock } = this.#options;
    return (
      clock.monotonic() - monotonic < leaseTiming.renewDeadlineMs && clock.wall() - wall < leaseTiming.renewDeadlineMs
    );
  }

  /**
   * The Lease's `leaseTransitions`: higher than the previous leader's, unless the Lease was restored or deleted.
   * Undefined while not leading.
   */
  get epoch(): number | undefined {
    return this.#held && (this.#held.spec.leaseTransitions ?? 0);
  }

  /**
   * Waits for the Lease, acquires it, and renews it until it is lost or released.
   * @returns false if the signal was aborted before
   */
  async campaign(signal: AbortSignal): Promise<boolean> {
    for (let failures = 0; ; ) {
      const observation = await this.#untilFree(signal);
      if (!observation) return false;
      // Not aborted by the signal: the response must be known, because an acquired Lease must be released.
      if (await this.#take(observation)) return true;
      if (signal.aborted) return false;
      await pause(this.#options.clock, backoffDelay(++failures, backoff, this.#options.random), signal);
    }
  }

  /**
   * Releases the Lease, so that the next leader need not wait until it expires. Only after the last write is complete.
   * @param withinMs timeout, after which the Lease is left to expire
   */
  async release(withinMs: number): Promise<void> {
    const { access, clock, log } = this.#options;
    if (!this.#held || this.#end.signal.aborted) return;
    this.#stop();
    const release = async () => {
      await this.#renewing;
      const { spec, resourceVersion } = this.#held!;
      await access.write(released(spec, clock.wall()), resourceVersion);
      log.info('released the lease');
    };
    const late = new AbortController();
    const tooLate = async () => {
      await pause(clock, withinMs, late.signal);
      if (!late.signal.aborted) throw new Error(`timeout after ${withinMs} ms`);
    };
    await Promise.race([release(), tooLate()])
      .catch((error) => log.warn({ err: error }, 'cannot release the lease, leaving it to expire'))
      .finally(() => late.abort());
  }

  /** Resolves with the observation of the Lease when it may be acquired; with undefined when the signal is aborted. */
  async #untilFree(signal: AbortSignal): Promise<LeaseObservation | undefined> {
    const { clock, identity } = this.#options;
    while (!signal.aborted) {
      const observation = this.#observation;
      const wait = observation ? freeFrom(observation, identity) - clock.monotonic() : Number.POSITIVE_INFINITY;
      if (wait <= 0) return observation;
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      // A timer cannot wait forever; an occasional wake-up costs nothing.
      await pause(clock, Math.min(wait, leaseTiming.durationMs), AbortSignal.any([signal, changed.signal]));
    }
    return undefined;
  }

  /** @returns whether this process holds the Lease now */
  async #take({ spec, resourceVersion }: LeaseObservation): Promise<boolean> {
    const { access, identity, clock, log } = this.#options;
    const sentAt = this.#moment();
    try {
      const lease = await access.write(takenBy(identity, spec, clock.wall()), resourceVersion);
      this.#hold(lease, sentAt);
      log.info(
        { identity, epoch: this.epoch, before: spec?.holderIdentity || undefined },
        'acquired the lease, leading',
      );
      this.#renewing = this.#renew();
      return true;
    } catch (error) {
      if (!isOutdated(error, resourceVersion)) log.warn({ err: error }, 'cannot acquire the lease, will retry');
      await this.#look();
      return false;
    }
  }

  /** Reads the Lease: the observation is or may be stale. */
  async #look(): Promise<void> {
    try {
      this.observe(await this.#options.access.read());
    } catch (error) {
      this.#options.log.debug({ err: error }, 'cannot read the lease');
    }
  }

  #hold(lease: Lease, renewedAt: Moment): void {
    const { clock } = this.#options;
    this.#held = { spec: lease.spec ?? {}, resourceVersion: lease.metadata.resourceVersion, renewedAt };
    this.#cancelDeadline();
    if (this.#end.signal.aborted) return;
    const leftMs = renewedAt.monotonic + leaseTiming.renewDeadlineMs - clock.monotonic();
    this.#cancelDeadline = clock.after(Math.max(0, leftMs), () =>
      this.#lose(`not renewed within ${leaseTiming.renewDeadlineMs / 1000} s`),
    );
  }

  async #renew(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      await pause(clock, leaseTiming.retryMs * (0.9 + 0.1 * random()), signal);
      if (!signal.aborted) await this.#renewOnce();
    }
  }

  async #renewOnce(): Promise<void> {
    const { access, clock, log } = this.#options;
    const { spec, resourceVersion } = this.#held!;
    const sentAt = this.#moment();
    try {
      this.#hold(await access.write(renewed(spec, clock.wall()), resourceVersion), sentAt);
    } catch (error) {
      if (isOutdated(error, resourceVersion)) return this.#settle();
      log.warn({ err: error }, 'cannot renew the lease, will retry');
    }
  }

  /** The Lease was written meanwhile, perhaps by this process without receiving the response. */
  async #settle(): Promise<void> {
    const { access, identity, clock, log } = this.#options;
    try {
      const lease = await access.read();
      const held = this.#held!;
      const sentAt = this.#moment();
      const holder = lease ? (lease.spec?.holderIdentity ?? '') : identity;
      if (holder !== identity) return this.#lose(holder === '' ? 'released by someone else' : `held by ${holder}`);
      // Deleted: recreate it as it was.
      this.#hold(await access.write(renewed(held.spec, clock.wall()), lease?.metadata.resourceVersion), sentAt);
    } catch (error) {
      log.warn({ err: error }, 'cannot renew the lease, will retry');
    }
  }

  #lose(why: string): void {
    if (this.#end.signal.aborted) return;
    this.#stop();
    this.#options.onLost(why);
  }

  /** Stops leading. */
  #stop(): void {
    this.#end.abort();
    this.#cancelDeadline();
  }

  #moment(): Moment {
    const { clock } = this.#options;
    return { monotonic: clock.monotonic(), wall: clock.wall() };
  }
}

/** Whether a write failed because the Lease has another version. NotFound on create means the namespace. */
function isOutdated(error: unknown, resourceVersion: string | undefined): boolean {
  return resourceVersion === undefined ? isApiError(error, 'AlreadyExists') : isApiError(error, 'Conflict', 'NotFound');
}
