import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { waitFor } from '../test/cluster/wait.ts';

/** How often an event loop is sampled, in milliseconds. */
export const sampleMs = 50;

/** Shorter delays are written down only as a sign of life, in milliseconds. */
export const maxSteadyMs = 20;

/** How often there is a sign of life of a loop without delays, in milliseconds. */
export const lifeSignMs = 500;

/** How long a sign of life may take, in milliseconds: a loop may be held up for as long as it takes to look. */
const defaultTimeoutMs = 60_000;

/** The times of an event loop's thread at one moment, in milliseconds. */
export interface LoopSample {
  /** Monotonic. */
  at: number;
  /** Spent on a processor. */
  cpuMs: number;
  /** Spent ready to run, while other threads had the processors. */
  waitedMs: number;
}

/** One delay of an event loop: a timer that ran late. */
export interface LoopDelay {
  /** When it ended, in milliseconds since the epoch. */
  endedAt: number;
  /** By how much the timer was late, in milliseconds. */
  lateMs: number;
  /** Of the time since the timer before, in milliseconds: as in `LoopSample`. */
  cpuMs: number;
  waitedMs: number;
}

export function delayOf(before: LoopSample, after: LoopSample, endedAt: number): LoopDelay {
  return {
    endedAt,
    lateMs: Math.max(0, after.at - before.at - sampleMs),
    cpuMs: after.cpuMs - before.cpuMs,
    waitedMs: after.waitedMs - before.waitedMs,
  };
}

/**
 * For how long the program itself held up its event loop, in milliseconds: of a delay, the processor time that the
 * thread used in it, or all of it in which the thread did not wait for a processor, as in synchronous I/O, on a lock
 * and in page faults. The rest is the machine's: the floods run on the same processors, and on two of
 * them the thread of the operator waited for 7.25 s of a delay of 7.6 s, in which it ran for 0.19 s. Nor can an idle
 * process tell that share: the kernel lets a thread that has slept run at once, and one that has work to do after the
 * others.
 */
export function blockMs({ lateMs, cpuMs, waitedMs }: LoopDelay): number {
  return Math.max(Math.min(lateMs, cpuMs), lateMs - waitedMs);
}

/** The longest of these delays by each measure, in seconds; 0 without a delay. */
export function longest(delays: readonly LoopDelay[]): Record<'late' | 'waited' | 'blocked', number> {
  const most = (of: (delay: LoopDelay) => number) => Math.max(0, ...delays.map(of)) / 1000;
  return { late: most(({ lateMs }) => lateMs), waited: most(({ waitedMs }) => waitedMs), blocked: most(blockMs) };
}

/** The delays of a process that is started with `start`. */
export class LoopDelays {
  readonly #file: string;
  readonly #timeout: number;

  /**
   * @param file where they are written down
   * @param timeout how long to wait for a sign of life, in milliseconds
   */
  constructor(file: string, timeout = defaultTimeoutMs) {
    this.#file = file;
    this.#timeout = timeout;
  }

  /** With what the process is to be started. */
  get start(): { nodeOptions: string[]; environment: Record<string, string> } {
    const program = pathToFileURL(join(import.meta.dirname, 'loop-delays-program.ts'));
    return { nodeOptions: [`--import=${program}`], environment: { LOOP_DELAYS_FILE: this.#file } };
  }

  /**
   * Those until now. Waits for a sign of life from the loop after now, since a delay is written down at its end.
   * @param since milliseconds since the epoch
   * @throws {TimeoutError} if there is none, as of a process that has ended or does not write anything down
   */
  async since(since: number): Promise<LoopDelay[]> {
    const now = Date.now();
    const delays = () => {
      const all = this.#read();
      return all.some(({ endedAt }) => endedAt > now) && all;
    };
    const all = await waitFor(`a sign of life in ${this.#file}`, delays, { timeout: this.#timeout });
    return all.filter(({ endedAt }) => endedAt >= since);
  }

  /** @throws Error if there is no file */
  #read(): LoopDelay[] {
    const text = readFileSync(this.#file, 'utf8');
    const complete = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
    return complete.map((line) => JSON.parse(line) as LoopDelay);
  }
}
