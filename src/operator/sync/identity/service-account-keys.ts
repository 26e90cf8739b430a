import { createLocalJWKSet } from 'jose';
import { type Clock, pause } from '../../../base/clock.ts';
import type { PublishedKeys } from './published-keys.ts';

/** What tokens are verified with. */
export interface VerificationKeys {
  /** The present one, and for the life of a token the one before. */
  issuers: string[];
  find: ReturnType<typeof createLocalJWKSet>;
}

/** Minimum time between attempts to read the keys, even if clients send tokens with unknown keys. */
const attemptMs = 10_000;

/** The same while no key is known. */
const firstAttemptMs = 500;

/** Time between attempts to read the first keys while no agent sends requests. */
const learnMs = 5000;

/**
 * How long the issuer before is accepted beside the present one, by the keys that are published now: as long as tokens
 * that it issued live, which are made for an hour. An API server that is given another issuer goes on accepting those
 * of the one before, too.
 */
const formerMs = 3_600_000;

/** A key that is withdrawn is refused after this at the latest, where the API server answers. */
const keptMs = 600_000;

/**
 * The keys with which the API server signs tokens of service accounts, kept so that tokens are verified offline. They
 * are read again when they are ten minutes old or do not verify a token; while the API server is unreachable, the known
 * keys stay in use.
 */
export class ServiceAccountKeys {
  readonly #read: () => Promise<PublishedKeys>;
  readonly #clock: Clock;
  readonly #onObstacle: () => void;
  #text = '';
  #known: VerificationKeys | undefined;
  #former: { issuer: string; until: number } | undefined;
  #obstacle: string | undefined;
  #readAt = 0;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #attempt: Promise<void> = Promise.resolve();

  /**
   * @param read asks the API server; callers get its error while no keys are known
   * @param onObstacle called when the obstacle has changed
   */
  constructor(read: () => Promise<PublishedKeys>, clock: Clock, onObstacle: () => void = () => {}) {
    this.#read = read;
    this.#clock = clock;
    this.#onObstacle = onObstacle;
  }

  /** Why no token can be verified, for people; undefined where they can, or where that may be a matter of seconds. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /**
   * Retries until the keys are known or the signal is aborted, so that `obstacle` is current without requests. Never
   * rejects.
   */
  async learn(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !this.#known && !signal.aborted; ) {
      try {
        await this.current();
      } catch (error) {
        if (++failures > 1) this.#obstacleIs(`cannot verify agents' tokens: ${(error as Error).message}`);
        await pause(this.#clock, learnMs, signal);
      }
    }
  }

  /**
   * The keys as they are known: another object whenever they are others.
   * @throws what `read` threw, while none are known
   */
  async current(): Promise<VerificationKeys> {
    if (!this.#known) await this.#refresh(firstAttemptMs);
    // In the background: a failure has no effect yet.
    else if (this.#clock.monotonic() - this.#readAt >= keptMs) this.#refresh(attemptMs).catch(() => {});
    return this.#known!;
  }

  /** The keys for a token that the `tried` ones do not verify: read again, unless that was just done. */
  async others(tried: VerificationKeys): Promise<VerificationKeys> {
    if (this.#known === tried) await this.#refresh(attemptMs).catch(() => {});
    return this.#known!;
  }

  /** Everyone who asks within the time has a part in one attempt. */
  #refresh(withinMs: number): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#attemptedAt < withinMs) return this.#attempt;
    this.#attemptedAt = now;
    this.#attempt = this.#readNow();
    return this.#attempt;
  }

  async #readNow(): Promise<void> {
    this.#take(await this.#read());
    this.#obstacleIs(undefined);
  }

  #take({ issuer, keys }: PublishedKeys): void {
    const now = this.#clock.monotonic();
    this.#readAt = now;
    const before = this.#known?.issuers[0] ?? issuer;
    if (before !== issuer) this.#former = { issuer: before, until: now + formerMs };
    if (this.#former && (now >= this.#former.until || this.#former.issuer === issuer)) this.#former = undefined;
    const issuers = this.#former ? [issuer, this.#former.issuer] : [issuer];
    const text = JSON.stringify({ issuers, keys });
    if (text === this.#text) return;
    this.#known = { issuers, find: createLocalJWKSet(keys) };
    this.#text = text;
  }

  #obstacleIs(obstacle: string | undefined): void {
    if (obstacle === this.#obstacle) return;
    this.#obstacle = obstacle;
    this.#onObstacle();
  }
}
