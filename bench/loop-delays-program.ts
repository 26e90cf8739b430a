import { appendFileSync, readFileSync } from 'node:fs';
import { delayOf, type LoopSample, maxSteadyMs, sampleMs } from './loop-delays.ts';

/**
 * A module that a measured process preloads: writes down each delay of its event loop, one a line, into the file that
 * LOOP_DELAYS_FILE names.
 */
const file = process.env.LOOP_DELAYS_FILE!;

/** The times of this thread. Linux: nanoseconds on a processor, and waiting for one (proc(5), CONFIG_SCHED_INFO). */
function sample(): LoopSample {
  const { user, system } = process.threadCpuUsage();
  const [, waited = 0] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
  return { at: performance.now(), cpuMs: (user + system) / 1000, waitedMs: waited / 1e6 };
}

let last = sample();
setInterval(() => {
  const delay = delayOf(last, sample(), Date.now());
  if (delay.lateMs > maxSteadyMs) appendFileSync(file, `${JSON.stringify(delay)}\n`);
  last = sample();
}, sampleMs).unref();
