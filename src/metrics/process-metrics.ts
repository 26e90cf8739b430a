import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { processStartMs } from '../base/clock.ts';
import { processMetrics } from '../contract/metrics/process-metrics.ts';
import { newCounter, newGauge } from './declared.ts';

/** Registers the standard process metrics. prom-client's own set adds dozens of unused `nodejs_*` series per node. */
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

/**
 * Reading /proc needs a file descriptor. If none is free, the value is NaN, so that the process can still be scraped.
 */
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

/** Minus one: the listing contains its own descriptor. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1;
}

function maxDescriptors(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
