import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a container holds in memory, in bytes. */
export interface ContainerMemory {
  /** As the kubelet counts it: all memory of the container less file pages that were not used lately. */
  workingSet: number;
  /** Memory without a file behind it. */
  anon: number;
  /** Resident set of its processes, with pages of files that others may share. */
  rss: number;
}

/** Reads a container's memory by its cgroup, of version 1 or 2. */
export function readContainerMemory(cgroup: string): ContainerMemory {
  const read = (name: string) => readFileSync(join(cgroup, name), 'utf8');
  const usage = existsSync(join(cgroup, 'memory.usage_in_bytes')) ? 'memory.usage_in_bytes' : 'memory.current';
  const { inactiveFile, anon } = parseMemoryStat(read('memory.stat'));
  const processes = read('cgroup.procs').split('\n').filter(Boolean);
  return {
    workingSet: Math.max(0, Number(read(usage)) - inactiveFile),
    anon,
    rss: processes.reduce((sum, pid) => sum + residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8')), 0),
  };
}

/**
 * The parts of `memory.stat` that count here, in bytes. Version 1 names those of the cgroup and all below it `total_…`
 * and calls anonymous memory `rss`; version 2 has no such prefix.
 * @throws Error where a part is missing
 */
export function parseMemoryStat(text: string): { inactiveFile: number; anon: number } {
  const values = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
  const first = (...names: string[]) => {
    const found = names.map((name) => values.get(name)).find((value) => value !== undefined);
    if (found === undefined) throw new Error(`memory.stat has none of ${names.join(', ')}`);
    return Number(found);
  };
  return { inactiveFile: first('total_inactive_file', 'inactive_file'), anon: first('total_rss', 'anon') };
}

/** VmRSS in the text of /proc/PID/status (proc(5)), in bytes. */
export function residentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
