import type { StrandedAgent } from '../agents/stranded-agents.ts';

/** The progress of the DaemonSet controller. */
export interface DaemonSetProgress {
  generation: number;
  observedGeneration: number;
  desired: number;
  /** Pods that exist. */
  created: number;
  /** Pods of the current template. */
  updated: number;
  ready: number;
  /** Pods on nodes on which the DaemonSet wants none. No other number contains them. */
  misscheduled: number;
}

/** Reads a DaemonSet's progress. */
export function progressOf(daemonSet: { metadata: { generation?: number }; status?: unknown }): DaemonSetProgress {
  const status = (daemonSet.status ?? {}) as Record<string, number | undefined>;
  return {
    generation: daemonSet.metadata.generation ?? 0,
    observedGeneration: status.observedGeneration ?? 0,
    desired: status.desiredNumberScheduled ?? 0,
    created: status.currentNumberScheduled ?? 0,
    updated: status.updatedNumberScheduled ?? 0,
    ready: status.numberReady ?? 0,
    misscheduled: status.numberMisscheduled ?? 0,
  };
}

/** How far a DaemonSet is from what its spec says. Each number is zero once that part is done. */
export interface Remaining {
  /** 1 until the DaemonSet controller has observed the newest generation: the other numbers are older until then. */
  unobserved: number;
  /** Agents without a pod. */
  missing: number;
  /** Pods of an older template. */
  outdated: number;
  /** Agents that are not ready. */
  notReady: number;
}

/**
 * What remains to be done on the nodes that can run pods. If no agent is ready at all, the stranded ones count too: a
 * NetExporter without a working agent is not ready.
 */
export function remainingOf(progress: DaemonSetProgress, stranded: readonly StrandedAgent[]): Remaining {
  const { generation, observedGeneration, desired, created, updated, ready } = progress;
  const atLeast0 = (count: number) => Math.max(0, count);
  const counted = stranded.filter(({ isDesired }) => isDesired);
  const outdatedAndStranded = counted.filter(({ isOutdated }) => isOutdated).length;
  return {
    unobserved: observedGeneration < generation ? 1 : 0,
    missing: atLeast0(desired - created),
    outdated: atLeast0(created - updated - outdatedAndStranded),
    notReady: atLeast0(desired - ready - (ready > 0 ? counted.length : 0)),
  };
}
