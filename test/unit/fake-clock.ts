import type { Clock } from '../../src/base/clock.ts';

export interface FakeClockOptions {
  /** What `monotonic` tells first, in milliseconds. */
  monotonic?: number;
  /** What `wall` tells first, in milliseconds since the epoch. */
  wall?: number;
  /** By how much the wall clock is set, forward or back, between any two readings of it, in milliseconds. */
  stepMs?: number;
}

interface Timer {
  at: number;
  callback: () => void;
}

/**
 * A clock that stands still until a test moves it. Timers and `monotonic` go by one time, and `wall` can be set apart
 * from it.
 */
export class FakeClock implements Clock {
  readonly #stepMs: number;
  #monotonic: number;
  #wall: number;
  #lastWall: number;
  /** In the order in which they were set. */
  #timers: Timer[] = [];

  constructor({ monotonic = 0, wall = Date.parse('2026-01-01T00:00:00Z'), stepMs = 0 }: FakeClockOptions = {}) {
    this.#stepMs = stepMs;
    this.#monotonic = monotonic;
    this.#wall = wall;
    this.#lastWall = wall;
  }

  wall(): number {
    this.#lastWall = this.#wall;
    this.#wall += this.#stepMs;
    return this.#lastWall;
  }

  /** What the last reading of `wall` was. */
  get lastWall(): number {
    return this.#lastWall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonic + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** In how many milliseconds the next timer is due. */
  get next(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(({ at }) => at)) - this.#monotonic;
  }

  /** Sets the wall clock forward, or back: no time passes. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  /** Time passes: every timer runs at its time, in the order in which they are due. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let timer = this.#due(end)[0]; timer; timer = this.#due(end)[0]) this.#runAtItsTime(timer);
    this.#pass(end);
  }

  /** As `advance`; promises that are resolved are handled before the next timer runs. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let timer = this.#due(end)[0]; timer; timer = this.#due(end)[0]) {
      this.#runAtItsTime(timer);
      await settled();
    }
    this.#pass(end);
    await settled();
  }

  /** The process is held up: time passes, and only then do the timers run that became due. */
  stall(ms: number): void {
    this.#pass(this.#monotonic + ms);
    for (const timer of this.#due(this.#monotonic)) if (this.#timers.includes(timer)) this.#run(timer);
  }

  #due(end: number): Timer[] {
    return this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
  }

  #runAtItsTime(timer: Timer): void {
    this.#pass(Math.max(this.#monotonic, timer.at));
    this.#run(timer);
  }

  #run(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.callback();
  }

  #pass(until: number): void {
    this.#wall += until - this.#monotonic;
    this.#monotonic = until;
  }
}

/** Resolves once the condition holds; fails the test when it does not for long: a slow machine is no failure. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await settled();
  }
}

/** Resolves after everything that needs no event from outside. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
