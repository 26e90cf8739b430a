import type { NodeFacts } from '../plan/node-facts.ts';
import type { TargetState } from '../plan/target-states.ts';

/** An agent as the judge sees it. */
export interface JudgedAgent {
  /** Of its pod. */
  uid: string;
  node: string;
  /** From `FleetPlan.stateOf`. */
  state: TargetState;
  /** Where its peers reach it now, each as `ip:port`. */
  addresses: readonly string[];
  /**
   * When its next request is overdue, in monotonic milliseconds: it sends one as soon as the last one is answered,
   * and that takes the hold at most. Results of an overdue agent do not count, because it may be at fault itself.
   */
  overdueAt: number;
}

/** A DNS pod. */
export interface JudgedDnsPod {
  /** `ip:port`. */
  address: string;
  /** Undefined if it runs on none. */
  node: string | undefined;
  /** Name of the pod; empty if it is unknown. */
  name: string;
  state: TargetState;
  /**
   * For which share of the window the DNS Service has led to it. An endpoint of a node that is no longer ready is
   * removed while the failures that it made are still in the window.
   */
  readyShare: number;
}

/** What is known of a fleet at the moment of a judgement, apart from reports. */
export interface FleetFacts {
  agents: readonly JudgedAgent[];
  nodes: (name: string) => NodeFacts | undefined;
  dnsPods: readonly JudgedDnsPod[];
  /** Addresses of the DNS Service, each as `ip:port`. */
  resolvers: readonly string[];
  /** Addresses of the agents' Service, each as `ip:port`. */
  services: readonly string[];
  /** Whether a node is never a suspect (annotation `net-exporter.dev/judge: "false"`). */
  isExempt: (node: string) => boolean;
}

/** The part of a spec that the judge uses. Times are in milliseconds. */
export interface JudgeOptions {
  /** `spec.health.window`. */
  windowMs: number;
  /** Interval of network probes, and of DNS probes. */
  networkIntervalMs: number;
  dnsIntervalMs: number;
  /** `spec.health.latency`, in seconds. */
  networkLatency: number;
  dnsLatency: number;
  /** `spec.health.failureRatio`. */
  failureRatio: number;
  /** Packets of a UDP echo turn. */
  udpPackets: number;
  /** For how long the operator holds an agent's request at most. */
  holdMs: number;
}

/** Longest window that is judged, in milliseconds. */
export const maxWindowMs = 900_000;

/** A link needs so many attempts to be judged. */
const minAttempts = 6;

/** Lengths of the periods that are judged, in milliseconds. */
export interface Horizons {
  whole: number;
  half: number;
  now: number;
}

/**
 * The effective window is the longer of `spec.health.window` and six of the longest interval. `now` is what the last
 * two reports of each agent cover.
 */
export function horizonsOf({ windowMs, networkIntervalMs, dnsIntervalMs, holdMs }: JudgeOptions): Horizons {
  const interval = Math.max(networkIntervalMs, dnsIntervalMs);
  const whole = Math.max(windowMs, minAttempts * interval);
  const half = Math.max(whole / 2, minAttempts * interval);
  const now = Math.min(half, Math.max(2 * holdMs, 3 * interval));
  return { whole, half, now };
}
