import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { isApiError } from '../kube/api-error.ts';
import { expiring, type Lease, type LeaseSpec, leaseTiming, released, renewed, takenBy } from './lease.ts';
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

/** A deadline that is noticed so much later means that this process stood still, in milliseconds. */
const standstillMs = 1000;

/** One time as leader, with the Lease as this process last wrote it. */
interface Term {
  spec: LeaseSpec;
  resourceVersion: string;
  /** When that write was sent; the API server stored it later. */
  renewedAt: Moment;
  cancelDeadline: () => void;
  /** Aborted when no further renewal is sent. */
  readonly renewals: AbortController;
  /** Resolves after the last renewal. */
  renewing: Promise<void>;
}

export interface LeaseElectorOptions {
  access: Pick<LeaseAccess, 'read' | 'write'>;
  /** Unique to this process. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /**
   * The Lease is lost. `campaign` may be called again.
   * @param stoodStill whether this process noticed it late, because it did not run
   */
  onLost: (why: string, stoodStill: boolean) => void;
}

/**
 * Elects one of several processes by a Lease, like client-go's leaderelection. A candidate acquires a Lease without a
 * holder, or one that was not renewed for its duration, measured by the candidate's monotonic clock. The holder
 * measures from when it *sent* the last successful renewal. So clocks may differ in time, but their rates may differ by
 * at most 3 %.
 */
export class LeaseElector {
  readonly #options: LeaseElectorOptions;
  #observation: LeaseObservation | undefined;
  #wake = () => {};
  /** Undefined while not leading. */
  #term: Term | undefined;
  #lastEpoch = -1;
  /** The last attempt to acquire the Lease. */
  #taking: Promise<unknown> | undefined;
  /** Whether no renewal is sent any more, in this term and in one that begins now. */
  #isStopping = false;

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
    return (this.#term ? this.#options.identity : this.#observation?.spec?.holderIdentity) || undefined;
  }

  /** Whether a write may start now. */
  get isLeading(): boolean {
    return this.#sinceRenewalMs < leaseTiming.renewDeadlineMs;
  }

  /** How long a write that starts now may last, in milliseconds. */
  get writeTimeLeftMs(): number {
    return Math.max(0, leaseTiming.writeDeadlineMs - this.#sinceRenewalMs);
  }

  /** Time since the last successful renewal was sent, by the clock that says more; Infinity while not leading. */
  get #sinceRenewalMs(): number {
    if (!this.#term) return Number.POSITIVE_INFINITY;
    const { monotonic, wall } = this.#term.renewedAt;
    const { clock } = this.#options;
    return Math.max(clock.monotonic() - monotonic, clock.wall() - wall);
  }

  /**
   * The Lease's `leaseTransitions`: higher than in every term before, of this and of other processes, unless the Lease
   * was restored or deleted. Undefined while not leading.
   */
  get epoch(): number | undefined {
    return this.#term && epochOf(this.#term);
  }

  /**
   * Waits for the Lease, acquires it, and renews it until it is lost or released. May be called again after a loss.
   * @returns false if the signal was aborted before
   */
  async campaign(signal: AbortSignal): Promise<boolean> {
    for (let failures = 0; ; ) {
      const observation = await this.#untilFree(signal);
      if (!observation) return false;
      // Not aborted by the signal: the response must be known, because an acquired Lease must be released.
      const taken = this.#take(observation).finally(() => {
        this.#taking = undefined;
      });
      this.#taking = taken;
      if (await taken) return true;
      if (signal.aborted) return false;
      await pause(this.#options.clock, backoffDelay(++failures, backoff, this.#options.random), signal);
    }
  }

  /** Sends no further renewal, so that `release` need not wait for one: the Lease must be released within seconds. */
  stopRenewing(): void {
    this.#isStopping = true;
    this.#term?.renewals.abort();
  }

  /**
   * Releases the Lease, so that the next leader need not wait until it expires; also one that is being acquired, or was
   * acquired without a response.
   * @param withinMs timeout, after which the Lease is left to expire
   * @param inMs until then, a write may still take effect, so the Lease expires only then; 0: immediately
   */
  async release({ withinMs, inMs }: { withinMs: number; inMs: number }): Promise<void> {
    const { clock, log } = this.#options;
    const term = this.#term;
    if (!term && !this.#taking && !this.#unconfirmed) return;
    this.#end();
    const endsAt = clock.monotonic() + inMs;
    const release = async () => {
      await this.#taking;
      const held = term ?? this.#term ?? this.#unconfirmed;
      this.#end();
      if (!held) return;
      await held.renewing;
      await this.#release(held, endsAt - clock.monotonic());
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

  /** The Lease as observed, where this process is its holder without knowing how that came to be. */
  get #unconfirmed(): Pick<Term, 'spec' | 'resourceVersion' | 'renewing'> | undefined {
    const { spec, resourceVersion } = this.#observation ?? {};
    if (spec?.holderIdentity !== this.#options.identity || resourceVersion === undefined) return undefined;
    return { spec, resourceVersion, renewing: resolved };
  }

  async #release({ spec, resourceVersion }: Pick<Term, 'spec' | 'resourceVersion'>, inMs: number): Promise<void> {
    const { access, clock, log } = this.#options;
    if (inMs <= 0) {
      await access.write(released(spec, clock.wall()), resourceVersion);
      log.info('released the lease');
      return;
    }
    const left = expiring(spec, inMs, clock.wall());
    await access.write(left, resourceVersion);
    log.warn({ seconds: left.leaseDurationSeconds }, 'a write has no response, leaving the lease to expire soon');
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
      const lease = await access.write(takenBy(identity, spec, clock.wall(), this.#lastEpoch), resourceVersion);
      const renewals = new AbortController();
      const term = { ...stateOf(lease), renewedAt: sentAt, cancelDeadline: () => {}, renewals, renewing: resolved };
      this.#term = term;
      this.#lastEpoch = epochOf(term);
      this.#hold(term, lease, sentAt);
      if (this.#isStopping) renewals.abort();
      log.info(
        { identity, epoch: this.epoch, before: spec?.holderIdentity || undefined },
        'acquired the lease, leading',
      );
      term.renewing = this.#renew(term);
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

  /** Takes in a successful write. */
  #hold(term: Term, lease: Lease, renewedAt: Moment): void {
    const { clock } = this.#options;
    Object.assign(term, stateOf(lease), { renewedAt });
    term.cancelDeadline();
    if (term !== this.#term) return;
    const endsAt = renewedAt.monotonic + leaseTiming.renewDeadlineMs;
    term.cancelDeadline = clock.after(Math.max(0, endsAt - clock.monotonic()), () =>
      this.#lose(term, `not renewed within ${leaseTiming.renewDeadlineMs / 1000} s`),
    );
  }

  async #renew(term: Term): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = term.renewals;
    while (!signal.aborted) {
      await pause(clock, leaseTiming.retryMs * (0.9 + 0.1 * random()), signal);
      if (!signal.aborted) await this.#renewOnce(term);
    }
  }

  async #renewOnce(term: Term): Promise<void> {
    const { access, clock, log } = this.#options;
    const { spec, resourceVersion } = term;
    const sentAt = this.#moment();
    try {
      this.#hold(term, await access.write(renewed(spec, clock.wall()), resourceVersion), sentAt);
    } catch (error) {
      if (isOutdated(error, resourceVersion)) return this.#settle(term);
      log.warn({ err: error }, 'cannot renew the lease, will retry');
    }
  }

  /** The Lease was written meanwhile, perhaps by this process without receiving the response. */
  async #settle(term: Term): Promise<void> {
    const { access, identity, clock, log } = this.#options;
    try {
      const lease = await access.read();
      const sentAt = this.#moment();
      const holder = lease ? (lease.spec?.holderIdentity ?? '') : identity;
      if (holder !== identity)
        return this.#lose(term, holder === '' ? 'released by someone else' : `held by ${holder}`);
      // Deleted: recreate it as it was.
      const spec = renewed(term.spec, clock.wall());
      this.#hold(term, await access.write(spec, lease?.metadata.resourceVersion), sentAt);
    } catch (error) {
      log.warn({ err: error }, 'cannot renew the lease, will retry');
    }
  }

  #lose(term: Term, why: string): void {
    if (term !== this.#term) return;
    const lateMs = this.#options.clock.monotonic() - term.renewedAt.monotonic - leaseTiming.renewDeadlineMs;
    this.#end();
    this.#options.onLost(why, lateMs >= standstillMs);
  }

  /** Stops leading. */
  #end(): void {
    this.#term?.renewals.abort();
    this.#term?.cancelDeadline();
    this.#term = undefined;
  }

  #moment(): Moment {
    const { clock } = this.#options;
    return { monotonic: clock.monotonic(), wall: clock.wall() };
  }
}

const resolved = Promise.resolve();

function stateOf({ spec = {}, metadata }: Lease): Pick<Term, 'spec' | 'resourceVersion'> {
  return { spec, resourceVersion: metadata.resourceVersion };
}

function epochOf({ spec }: Pick<Term, 'spec'>): number {
  return spec.leaseTransitions ?? 0;
}

/** Whether a write failed because the Lease has another version. NotFound on create means the namespace. */
function isOutdated(error: unknown, resourceVersion: string | undefined): boolean {
  return resourceVersion === undefined ? isApiError(error, 'AlreadyExists') : isApiError(error, 'Conflict', 'NotFound');
}
