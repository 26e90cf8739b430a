import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How often an event loop is sampled, in milliseconds. */
export const sampleMs = 50;

/** Shorter delays are not written down, in milliseconds. */
export const maxSteadyMs = 20;

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
 * For how long the program itself held up its event loop, in milliseconds: a delay counts with the processor time that
 * the thread used in it. The rest of it is the machine's: whoever floods the operator runs on the same processors, and
 * on two of them the thread of the operator waited for 7.25 s of a delay of 7.6 s, in which it ran for 0.19 s. Nor can
 * an idle process tell that share: the kernel lets a thread that has slept run at once, and one that has work to do
 * after the others.
 */
export function blockMs({ lateMs, cpuMs }: LoopDelay): number {
  return Math.min(lateMs, cpuMs);
}

/** The longest of these delays by each measure, in seconds; 0 without a delay. */
export function longest(delays: readonly LoopDelay[]): Record<'late' | 'waited' | 'blocked', number> {
  const most = (of: (delay: LoopDelay) => number) => Math.max(0, ...delays.map(of)) / 1000;
  return { late: most(({ lateMs }) => lateMs), waited: most(({ waitedMs }) => waitedMs), blocked: most(blockMs) };
}

/** The delays of a process that is started with `start`. */
export class LoopDelays {
  readonly #file: string;

  /** @param file where they are written down */
  constructor(file: string) {
    this.#file = file;
  }

  /** With what the process is to be started. */
  get start(): { nodeOptions: string[]; environment: Record<string, string> } {
    const program = pathToFileURL(join(import.meta.dirname, 'loop-delays-program.ts'));
    return { nodeOptions: [`--import=${program}`], environment: { LOOP_DELAYS_FILE: this.#file } };
  }

  /** @param since milliseconds since the epoch */
  since(since: number): LoopDelay[] {
    let text = '';
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      // There was no delay yet.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const complete = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
    return complete.map((line) => JSON.parse(line) as LoopDelay).filter(({ endedAt }) => endedAt >= since);
  }
}
