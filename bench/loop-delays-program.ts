import { appendFileSync, readFileSync } from 'node:fs';
import { delayOf, type LoopSample, lifeSignMs, maxSteadyMs, sampleMs } from './loop-delays.ts';

/**
 * A module that a measured process preloads: writes down each delay of its event loop, one a line, into the file that
 * LOOP_DELAYS_FILE names, and at times a sample without one, as a sign of life.
 */
const file = process.env.LOOP_DELAYS_FILE!;

/** The times of this thread. Linux: nanoseconds on a processor, and waiting for one (proc(5), CONFIG_SCHED_INFO). */
function sample(): LoopSample {
  const { user, system } = process.threadCpuUsage();
  const [, waited = 0] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
  return { at: performance.now(), cpuMs: (user + system) / 1000, waitedMs: waited / 1e6 };
}

let last = sample();
let writtenAt = last.at;
setInterval(() => {
  const now = sample();
  const delay = delayOf(last, now, Date.now());
  if (delay.lateMs > maxSteadyMs || now.at - writtenAt >= lifeSignMs) {
    appendFileSync(file, `${JSON.stringify(delay)}\n`);
    writtenAt = now.at;
  }
  last = sample();
}, sampleMs).unref();
