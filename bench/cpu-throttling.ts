import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Periods in which a container wanted the processor, and those of them in which its limit stopped it. */
export interface Throttling {
  periods: number;
  throttled: number;
}

/**
 * @param memoryCgroup where the container's memory is counted: with cgroup version 1, its processor time is in another
 *   hierarchy
 */
export function readThrottling(memoryCgroup: string): Throttling {
  return parseCpuStat(readFileSync(join(memoryCgroup.replace('/memory/', '/cpu/'), 'cpu.stat'), 'utf8'));
}

/** Reads `cpu.stat`, which has these two lines in both versions. */
export function parseCpuStat(text: string): Throttling {
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  return { periods: value('nr_periods'), throttled: value('nr_throttled') };
}
