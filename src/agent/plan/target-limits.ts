import { probeLimits } from '../../base/probe-limits.ts';
import type { scheduleMetrics } from '../../contract/metrics/agent-metrics.ts';
import type { LabelValue } from '../../contract/metrics/metric.ts';
import type { Target } from './targets.ts';

/** Limit that targets exceed: number of lookups, lookups or packets per second. */
export type TargetLimit = LabelValue<typeof scheduleMetrics.leftOut, 'limit'>;

/** The targets that are probed, and the number of those that are left out, by limit. */
export interface LimitedTargets {
  targets: Target[];
  leftOut: Record<TargetLimit, number>;
}

/** Allows for rounding in sums of rates: the API server's rules divide integers and round down. */
const tolerance = 1e-3;

/**
 * Applies `probeLimits`, whatever the settings and the assignment demand: an accepted spec must not exhaust the agent
 * or flood DNS. Targets are kept in a fixed order, so the same ones are left out each time: lookups in the order of the
 * plan (the pod's own nameserver first), then time servers, TCP dials and UDP echoes.
 */
export function withinLimits(planned: readonly Target[]): LimitedTargets {
  const leftOut: LimitedTargets['leftOut'] = { lookups: 0, lookup_rate: 0, packet_rate: 0 };
  const kept = new Set<Target>();
  let lookups = 0;
  let lookupRate = 0;
  let packetRate = 0;
  for (const target of [...planned].sort((a, b) => rankOf(a) - rankOf(b))) {
    const turnRate = 1000 / target.intervalMs;
    const lookup = target.probe === 'dns' ? 1 : 0;
    const packets = turnRate * packetsOf(target);
    const exceeded = exceededBy(lookups + lookup, lookupRate + lookup * turnRate, packetRate + packets);
    if (exceeded) {
      leftOut[exceeded]++;
      continue;
    }
    kept.add(target);
    lookups += lookup;
    lookupRate += lookup * turnRate;
    packetRate += packets;
  }
  return { targets: planned.filter((target) => kept.has(target)), leftOut };
}

function exceededBy(lookups: number, lookupRate: number, packetRate: number): TargetLimit | undefined {
  if (lookups > probeLimits.maxLookups) return 'lookups';
  if (lookupRate > probeLimits.maxLookupsPerSecond + tolerance) return 'lookup_rate';
  return packetRate > probeLimits.maxPacketsPerSecond + tolerance ? 'packet_rate' : undefined;
}

function rankOf(target: Target): number {
  if (target.probe === 'network') return target.labels.protocol === 'TCP' ? 2 : 3;
  return target.probe === 'dns' ? 0 : 1;
}

/** Packets that one turn sends, as in `probeLimits`. */
function packetsOf({ probe, subject }: Target): number {
  return probe === 'network' && subject.protocol === 'UDP' ? subject.packets : 1;
}
