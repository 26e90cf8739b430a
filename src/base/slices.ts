import type { Clock } from './clock.ts';

/** Divides long work into slices, between which everything else has its turn. The first one begins at once. */
export class Slices {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly #ms: number;
  #end: number;

  /** @param ms length of a slice, in milliseconds */
  constructor(clock: Pick<Clock, 'monotonic' | 'after'>, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    this.#end = clock.monotonic() + ms;
  }

  /** Whether the current slice has lasted long enough. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#end;
  }

  /** Resolves when the next slice has begun. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(0, () => {
        this.#end = this.#clock.monotonic() + this.#ms;
        resolve();
      });
    });
  }
}
