import { createLocalJWKSet } from 'jose';
import type { Clock } from '../clock.ts';
import type { PublishedKeys } from './published-keys.ts';

/** What tokens are verified with. */
export interface VerificationKeys {
  issuer: string;
  find: ReturnType<typeof createLocalJWKSet>;
}

/** Between attempts to read the keys, whoever invents tokens with unknown ones. */
const attemptMs = 10_000;

/** The same while no key is known. */
const firstAttemptMs = 500;

/** A key that is withdrawn is refused after this at the latest, where the API server answers. */
const keptMs = 600_000;

/**
 * The keys with which the API server signs tokens of service accounts, kept so that tokens are verified offline. They are read
 * anew when they are ten minutes old or do not verify a token; while the API server is away, what is known goes on.
 */
export class ServiceAccountKeys {
  readonly #read: () => Promise<PublishedKeys>;
  readonly #clock: Clock;
  #text = '';
  #known: VerificationKeys | undefined;
  #readAt = 0;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #attempt: Promise<void> = Promise.resolve();

  /** @param read asks the API server; its error is the one of whoever needs the keys before any are known */
  constructor(read: () => Promise<PublishedKeys>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /**
   * The keys as they are known: another object whenever they are others.
   * @throws what `read` threw, while none are known
   */
  async current(): Promise<VerificationKeys> {
    if (!this.#known) await this.#refresh(firstAttemptMs);
    // Nobody waits for it, and its failure matters to nobody yet.
    else if (this.#clock.monotonic() - this.#readAt >= keptMs) this.#refresh(attemptMs).catch(() => {});
    return this.#known!;
  }

  /** The keys for a token that the `tried` ones do not verify: read anew, where that has not been done just now. */
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
    const published = await this.#read();
    this.#readAt = this.#clock.monotonic();
    const text = JSON.stringify(published);
    if (text === this.#text) return;
    this.#known = { issuer: published.issuer, find: createLocalJWKSet(published.keys) };
    this.#text = text;
  }
}
