import { systemClock } from '../../base/clock.ts';
import { tickClock } from '../../base/tick-clock.ts';
import { lastLookMs } from './last-look.ts';

/**
 * The looks of a polled probe at what the kernel keeps for it. Their intervals double, so a probe without an answer
 * costs few wake-ups. The last one is at the deadline; all others are at ticks, which many probes share.
 */
export class Looks {
  readonly #look: () => void;
  #timeoutMs = 0;
  #deadline = 0;
  /** Time until the next look. */
  #nextMs = 0;
  /** When the next look is planned. */
  #due = 0;
  #cancelTimer = () => {};

  constructor(look: () => void) {
    this.#look = look;
  }

  /**
   * Plans the first look. May be called again: the time begins anew.
   * @param firstMs time until the first look, at most `timeoutMs`
   */
  begin(timeoutMs: number, firstMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#deadline = systemClock.monotonic() + timeoutMs;
    this.#nextMs = firstMs;
    this.later();
  }

  /**
   * Plans the first look for when the process has done all that it woke up for: in many networks the answer is there by
   * then, and this look costs no wake-up.
   * @param nextMs time from the first look until the next one
   */
  beginSoon(timeoutMs: number, nextMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#due = systemClock.monotonic();
    this.#deadline = this.#due + timeoutMs;
    this.#nextMs = nextMs;
    const immediate = setImmediate(() => this.#look());
    this.#cancelTimer = () => clearImmediate(immediate);
  }

  /**
   * Plans the next look. One is shortly before the deadline: if the timeout is as long as the interval, a probe that
   * ends only then makes the schedule skip the next turn.
   */
  later(): void {
    const untilLastLook = this.#deadline - systemClock.monotonic() - lastLookMs(this.#timeoutMs);
    this.after(untilLastLook > 0 ? Math.min(this.#nextMs, untilLastLook) : Number.POSITIVE_INFINITY);
    this.#nextMs *= 2;
  }

  /** Plans the next look after this time, at the latest at the deadline. */
  after(ms: number): void {
    const now = systemClock.monotonic();
    const remaining = Math.max(0, this.#deadline - now);
    this.#due = now + Math.min(ms, remaining);
    this.#cancelTimer =
      ms < remaining ? tickClock.after(ms, () => this.#look()) : systemClock.after(remaining, () => this.#look());
  }

  /** By how much the current look is later than planned, in milliseconds. */
  get lateMs(): number {
    return systemClock.monotonic() - this.#due;
  }

  /** Whether the deadline has come. Timers of Node may be a millisecond early. */
  get isLast(): boolean {
    return this.#deadline - systemClock.monotonic() < 1;
  }

  /** Cancels the next look. */
  end(): void {
    this.#cancelTimer();
  }
}
