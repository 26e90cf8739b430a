import { readFileSync } from 'node:fs';

/** Ticks of the clock in /proc/PID/stat: 100 a second on every architecture that Node runs on (proc(5), USER_HZ). */
const ticksPerSecond = 100;

/** What a process has used, in all its threads. */
export interface ProcessUsage {
  /** User and system time, in seconds. */
  cpuSeconds: number;
  /** Resident memory now and the most that it ever was, in bytes. */
  rss: number;
  peakRss: number;
}

/** Reads what a running process has used so far. */
export function readProcessUsage(pid: number): ProcessUsage {
  const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  return { cpuSeconds: parseCpuSeconds(read('stat')), ...parseResident(read('status')) };
}

/** Fields 14 and 15 of /proc/PID/stat; the second field, the name, may itself hold spaces and brackets. */
export function parseCpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** VmRSS and VmHWM of /proc/PID/status. */
export function parseResident(status: string): { rss: number; peakRss: number } {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { rss: bytes('VmRSS'), peakRss: bytes('VmHWM') };
}
