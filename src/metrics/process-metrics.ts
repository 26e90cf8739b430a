import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { processStartMs } from '../base/clock.ts';
import { processMetrics } from '../contract/metrics/process-metrics.ts';
import { newCounter, newGauge } from './declared.ts';

/**
 * Registers the metrics of the process itself. prom-client's own set comes with dozens of `nodejs_*` series that nobody looks at on every
 * node of a cluster.
 */
export function registerProcessMetrics(registry: Registry): void {
  newCounter(processMetrics.cpu, [registry], function () {
    const { user, system } = process.cpuUsage();
    this.reset();
    this.inc((user + system) / 1e6);
  });
  const gauges = [
    [processMetrics.residentMemory, () => process.memoryUsage.rss()],
    [processMetrics.virtualMemory, virtualMemoryBytes],
    [processMetrics.openFiles, openDescriptors],
    [processMetrics.maxFiles, maxDescriptors],
    [processMetrics.startTime, () => processStartMs / 1000],
  ] as const;
  for (const [declaration, read] of gauges)
    newGauge(declaration, [registry], function () {
      this.set(orUnknown(read));
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
