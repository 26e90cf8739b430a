import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';
import { processStartMs } from '../../base/clock.ts';

/**
 * The process metrics that every Prometheus client library has, under their usual names. prom-client's own set comes with dozens of
 * `nodejs_*` series that nobody looks at on every node of a cluster.
 */
export function registerProcessMetrics(registry: Registry): void {
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge(registry, 'process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge(registry, 'process_virtual_memory_bytes', 'Virtual memory size in bytes.', virtualMemoryBytes);
  gauge(registry, 'process_open_fds', 'Number of open file descriptors.', openDescriptors);
  gauge(registry, 'process_max_fds', 'Maximum number of open file descriptors.', maxDescriptors);
  gauge(
    registry,
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    () => processStartMs / 1000,
  );
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(orUnknown(read));
    },
  });
}

/** Reading /proc needs a descriptor: a process that has none left must still be scraped, so it says NaN then. */
function orUnknown(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}

function virtualMemoryBytes(): number {
  return Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

/** One less than the listing, which holds the descriptor that reads it. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1;
}

function maxDescriptors(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
