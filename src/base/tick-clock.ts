import { type Clock, systemClock } from './clock.ts';

/** Period of the ticks of `tickClock`, in milliseconds. */
export const tickMs = 20;

/** What a timer may be early by, in milliseconds, as those of Node. */
const earlyMs = 1;

/**
 * A clock whose timers call back at multiples of `tickMs` only: those that are due at the same one share one wake-up of
 * the process. After some milliseconds of rest, a wake-up costs several times what most callbacks do.
 */
export class TickClock implements Clock {
  readonly #clock: Clock;
  /** The callbacks by the time of their tick. */
  readonly #ticks = new Map<number, Tick>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wall(): number {
    return this.#clock.wall();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, callback: () => void): () => void {
    const now = this.#clock.monotonic();
    const due = Math.ceil((now + Math.max(0, ms) - earlyMs) / tickMs) * tickMs;
    const tick = this.#ticks.get(due) ?? this.#begin(due, now);
    // The same function may be given twice.
    const call = () => callback();
    tick.calls.add(call);
    return () => {
      if (!tick.calls.delete(call) || tick.calls.size > 0 || this.#ticks.get(due) !== tick) return;
      this.#ticks.delete(due);
      tick.cancel();
    };
  }

  #begin(due: number, now: number): Tick {
    const tick: Tick = { calls: new Set(), cancel: () => {} };
    // Node cuts off what is not a whole number of milliseconds.
    tick.cancel = this.#clock.after(Math.ceil(Math.max(0, due - now)), () => {
      this.#ticks.delete(due);
      for (const call of tick.calls) {
        tick.calls.delete(call);
        call();
      }
    });
    this.#ticks.set(due, tick);
    return tick;
  }
}

interface Tick {
  /** Those that have not been made yet, in the order in which they were set. */
  calls: Set<() => void>;
  cancel: () => void;
}

/** The one of this process. */
export const tickClock: Clock = new TickClock(systemClock);
