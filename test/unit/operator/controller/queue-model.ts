import { type BackoffLimits, backoffDelay } from '../../../../src/base/backoff.ts';

/** What a worker was told: the key, or undefined when the queue was closed; `asked` counts the requests of workers. */
export interface Answer {
  asked: number;
  key: string | undefined;
}

/** Ten retries a second in the long run, and a hundred at once after a rest. Milliseconds. */
const betweenRetries = 100;
const burst = 100;

/**
 * What a work queue promises, in the plainest words: lists that are searched, times that are compared. It has no
 * timers, so that time passes only in `passTo`.
 */
export class QueueModel {
  readonly answers: Answer[] = [];
  /** What observers are told, as `what seconds`. */
  readonly told: string[] = [];
  now = 0;
  /** To be worked on, since when; in the line only while nobody has the key. */
  readonly #wanted = new Map<string, number>();
  readonly #line: string[] = [];
  readonly #held = new Map<string, number>();
  #later: { key: string; at: number }[] = [];
  readonly #failures = new Map<string, number>();
  #idle: number[] = [];
  #asked = 0;
  #closed = false;
  /** By when the retries so far are all allowed, had none been allowed at once. */
  #allowedAt = 0;
  readonly #limits: BackoffLimits;
  readonly #random: number;

  constructor(limits: BackoffLimits, random: number) {
    this.#limits = limits;
    this.#random = random;
  }

  get depth(): number {
    return this.#line.length;
  }

  get held(): string[] {
    return [...this.#held.keys()];
  }

  /** When the next delayed key is due. */
  get nextAt(): number | undefined {
    return this.#later.length === 0 ? undefined : Math.min(...this.#later.map(({ at }) => at));
  }

  add(key: string): void {
    if (this.#closed || this.#wanted.has(key)) return;
    this.told.push('added');
    this.#wanted.set(key, this.now);
    if (!this.#held.has(key)) this.#queueUp(key);
  }

  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    const at = this.now + ms;
    const known = this.#later.find((entry) => entry.key === key);
    if (known && known.at <= at) return;
    this.#later = [...this.#later.filter((entry) => entry !== known), { key, at }];
  }

  retry(key: string, leastMs: number): void {
    if (this.#closed) return;
    this.told.push('retried');
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#allowedAt = Math.max(this.#allowedAt, this.now) + betweenRetries;
    const ofAll = this.#allowedAt - this.now - burst * betweenRetries;
    this.addAfter(
      key,
      Math.max(
        leastMs,
        ofAll,
        backoffDelay(failures, this.#limits, () => this.#random),
      ),
    );
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  ask(): void {
    const asked = this.#asked++;
    this.#idle.push(asked);
    this.#giveOut();
  }

  done(key: string): void {
    const since = this.#held.get(key);
    if (since === undefined) return;
    this.#held.delete(key);
    this.told.push(`finished ${seconds(this.now - since)}`);
    if (this.#wanted.has(key)) this.#queueUp(key);
  }

  passTo(time: number): void {
    for (;;) {
      const at = this.nextAt;
      if (at === undefined || at > time) break;
      const due = this.#later.find((entry) => entry.at === at)!;
      this.#later = this.#later.filter((entry) => entry !== due);
      this.now = at;
      this.add(due.key);
    }
    this.now = time;
  }

  close(): void {
    this.#closed = true;
    this.#wanted.clear();
    this.#line.length = 0;
    this.#later = [];
    this.#giveOut();
  }

  drain(): void {
    if (this.#closed) return;
    for (const { key } of this.#later.splice(0).sort((a, b) => a.at - b.at)) this.add(key);
    this.#closed = true;
    this.#giveOut();
  }

  #queueUp(key: string): void {
    this.#line.push(key);
    this.#giveOut();
  }

  #giveOut(): void {
    while (this.#idle.length > 0 && this.#line.length > 0) {
      const key = this.#line.shift()!;
      this.answers.push({ asked: this.#idle.shift()!, key });
      this.told.push(`taken ${seconds(this.now - this.#wanted.get(key)!)}`);
      this.#wanted.delete(key);
      this.#held.set(key, this.now);
    }
    if (this.#closed) for (const asked of this.#idle.splice(0)) this.answers.push({ asked, key: undefined });
  }
}

/** As text, without what floating point adds. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}
