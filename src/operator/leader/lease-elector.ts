import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { isApiError } from '../kube/api-error.ts';
import { type Lease, type LeaseSpec, leaseTiming, released, renewed, takenBy } from './lease.ts';
import type { LeaseAccess } from './lease-access.ts';
import { freeFrom, type LeaseObservation, observeLease } from './lease-observation.ts';

/** Between attempts to take a Lease that seems to be free. The cap is low: an API server that comes back is to find us at once. */
const backoff = { baseMs: 100, maxMs: leaseTiming.retryMs };

/** A moment on both clocks: one stands still while a machine sleeps, the other one can be set. */
interface Moment {
  monotonic: number;
  wall: number;
}

/** The Lease as we last wrote it. */
interface HeldLease {
  spec: LeaseSpec;
  resourceVersion: string;
  /** When that write was sent: what the API server stored is at least as young. */
  renewedAt: Moment;
}

export interface LeaseElectorOptions {
  access: Pick<LeaseAccess, 'read' | 'write'>;
  /** Of this very process: another one never has the same. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** The Lease is lost. Nothing may be written any more: the process has to end. */
  onLost: (why: string) => void;
}

/**
 * Elects one of several processes by a Lease, as client-go's leaderelection: a candidate takes it when nobody holds it, or when
 * it has seen no renewal for as long as it lasts, by its own monotonic clock; the holder renews it, and counts from when it
 * *sent* the last renewal that was answered. So clocks may differ in time, but not by more than 3 % in pace.
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

  /** Takes in what the API server says of the Lease. @param lease undefined where there is none */
  observe(lease: Lease | undefined): void {
    this.#observation = observeLease(this.#observation, lease, this.#options.clock.monotonic());
    this.#wake();
  }

  /** Who holds the Lease, as far as is known. */
  get holder(): string | undefined {
    return (this.#held ? this.#options.identity : this.#observation?.spec?.holderIdentity) || undefined;
  }

  /** Whether a write may start at this very moment. */
  get isLeading(): boolean {
    if (!this.#held || this.#end.signal.aborted) return false;
    const { monotonic, wall } = this.#held.renewedAt;
    const { clock } = this.#options;
    return (
      clock.monotonic() - monotonic < leaseTiming.renewDeadlineMs && clock.wall() - wall < leaseTiming.renewDeadlineMs
    );
  }

  /** The Lease's `leaseTransitions`: higher than the leader's before, unless the Lease was restored or deleted. Undefined while not leading. */
  get epoch(): number | undefined {
    return this.#held && (this.#held.spec.leaseTransitions ?? 0);
  }

  /**
   * Waits for the Lease and takes it; from then on it is renewed until it is lost or released.
   * @returns whether it was taken; not, where the signal was aborted before
   */
  async campaign(signal: AbortSignal): Promise<boolean> {
    for (let failures = 0; ; ) {
      const observation = await this.#untilFree(signal);
      if (!observation) return false;
      // Not ended by the signal: what the answer says must be known, for a Lease that is taken has to be given back.
      if (await this.#take(observation)) return true;
      if (signal.aborted) return false;
      await pause(this.#options.clock, backoffDelay(++failures, backoff, this.#options.random), signal);
    }
  }

  /**
   * Gives the Lease back, so that the next one need not wait for its end. Only for those whose last write is done.
   * @param withinMs after this it is left to expire
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

  /** Resolves with what is known of the Lease as soon as it may be taken; with undefined when the signal is aborted. */
  async #untilFree(signal: AbortSignal): Promise<LeaseObservation | undefined> {
    const { clock, identity } = this.#options;
    while (!signal.aborted) {
      const observation = this.#observation;
      const wait = observation ? freeFrom(observation, identity) - clock.monotonic() : Number.POSITIVE_INFINITY;
      if (wait <= 0) return observation;
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      // A timer takes no infinity. Looking again now and then costs nothing.
      await pause(clock, Math.min(wait, leaseTiming.durationMs), AbortSignal.any([signal, changed.signal]));
    }
    return undefined;
  }

  /** @returns whether we have it now */
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

  /** Reads the Lease anew: what we know of it is out of date, or may be. */
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

  /** Someone wrote the Lease: perhaps we did, and the answer was lost. */
  async #settle(): Promise<void> {
    const { access, identity, clock, log } = this.#options;
    try {
      const lease = await access.read();
      const held = this.#held!;
      const sentAt = this.#moment();
      const holder = lease ? (lease.spec?.holderIdentity ?? '') : identity;
      if (holder !== identity) return this.#lose(holder === '' ? 'released by someone else' : `held by ${holder}`);
      // Deleted: made anew as it was.
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

  /** Ends leading. */
  #stop(): void {
    this.#end.abort();
    this.#cancelDeadline();
  }

  #moment(): Moment {
    const { clock } = this.#options;
    return { monotonic: clock.monotonic(), wall: clock.wall() };
  }
}

/** Whether a write failed since the Lease is no longer of this version. What is not found while creating is the namespace. */
function isOutdated(error: unknown, resourceVersion: string | undefined): boolean {
  return resourceVersion === undefined ? isApiError(error, 'AlreadyExists') : isApiError(error, 'Conflict', 'NotFound');
}
