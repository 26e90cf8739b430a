import { monitorEventLoopDelay } from 'node:perf_hooks';

/** So often may this process stand still, one measurement after the other. */
const attempts = 10;

/**
 * What `measure` finds while this process, which is the agent's counterpart, is there all the time: a server that
 * stands still for longer than the agent waits is a fault of its own. A measurement during which this process stood
 * still for longer than `longestMs` is made again.
 */
export async function undisturbed<T>(longestMs: number, measure: () => Promise<T>): Promise<T> {
  const stalls: number[] = [];
  while (stalls.length < attempts) {
    using delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const found = await measure();
    const stall = delay.max / 1e6;
    if (stall <= longestMs) return found;
    stalls.push(Math.round(stall));
  }
  throw new Error(
    `this process never ran without standing still for more than ${longestMs} ms: ${stalls.join(', ')} ms`,
  );
}
