import type { Clock } from '../../base/clock.ts';

/** How long requests are processed until everything else gets its turn, in milliseconds. */
const turnMs = 5;

/**
 * Spreads the processing of requests over turns of the event loop, in the order in which they have come. Node reads in
 * one turn whatever has arrived. After an answer to all agents, or after a time in which the process did not run, that
 * may be hundreds of requests, of which each takes up to a millisecond.
 */
export class RequestTurns {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #waiting: (() => void)[] = [];
  /** By when requests are processed in this turn, in monotonic milliseconds; undefined before the first one. */
  #until: number | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Runs in this turn or in a later one what processes a request. @returns rejects with what that throws */
  run(process: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        try {
          process();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      if (this.#waiting.length === 0 && this.#hasTime()) settle();
      else this.#waiting.push(settle);
    });
  }

  #hasTime(): boolean {
    if (this.#until === undefined) {
      this.#until = this.#clock.monotonic() + turnMs;
      setImmediate(() => this.#nextTurn());
    }
    return this.#clock.monotonic() < this.#until;
  }

  #nextTurn(): void {
    this.#until = undefined;
    while (this.#waiting.length > 0 && this.#hasTime()) this.#waiting.shift()!();
  }
}
