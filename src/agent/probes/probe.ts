import type { FailureReason } from '../../contract/failure-reason.ts';
import type { KissCode } from '../../contract/kiss-codes.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { UdpSockets } from './udp-sockets.ts';

/** Source of a latency: the kernel's timestamps, or the JavaScript clock if the kernel provides none. */
export type Timing = 'kernel' | 'clock';

/**
 * Direction in which packets were lost: on the way to the peer (`forward`), on the way back (`return`), or `unknown`. A
 * late answer counts as lost on the way back.
 */
export type LossDirection = 'forward' | 'return' | 'unknown';
export type Losses = Record<LossDirection, number>;

/** Result of one turn of a probe. Each attempt is either in `latencies` (success) or in `failures`. */
export interface ProbeResult {
  /** Seconds, one per successful attempt. */
  latencies: number[];
  /** One per failed attempt. */
  failures: FailureReason[];
  /** TCP segments (SYNs) that the kernel retransmitted, including those of failed attempts. */
  retransmits: number;
  /** Source of the latencies; `clock` if any part comes from the clock. Meaningless without latencies. */
  timing: Timing;
  /** Losses by direction, for probes that know it: those of this turn, and those that the previous turn left open. */
  losses?: Losses;
  /** Number of times that a peer claimed and that were not used, because they are impossible or not precise enough. */
  refusedTimes?: number;
  /**
   * Why this turn has neither latencies nor failures although it was made: the peer's agent is of an older version, or
   * the process looked too late to know what was at fault.
   */
  skipped?: 'version' | 'late';
  /** The clock of a time server that answered. */
  clock?: ServerClock;
  /** Kiss code of a time server that demands fewer requests or none. */
  kiss?: KissCode;
}

/** A time server's clock. */
export interface ServerClock {
  /** Distance from a reference clock in servers, 1 to 15. */
  stratum: number;
  /**
   * Offset of the server's clock from this machine's, in seconds: positive if this machine's clock is behind. Undefined
   * if this machine's clock was set meanwhile.
   */
  offsetSeconds: number | undefined;
}

/** Inputs of a probe in addition to its subject. */
export interface ProbeContext {
  /** Timeout of an attempt, in milliseconds. */
  timeoutMs: number;
  /**
   * Aborted if the target is removed or the agent stops. The probe then closes its sockets and rejects with the reason
   * of the signal.
   */
  signal: AbortSignal;
  /** Kernel timestamps; undefined if this machine does not provide them. */
  kernel: Kernel | undefined;
  /** Sockets of that kernel. */
  udpSockets: UdpSockets | undefined;
}

/**
 * The signature of all probes. It resolves for everything that the network does. It rejects only if aborted, or if the
 * agent itself failed (no file descriptor, no memory), which is counted separately.
 */
export type Probe<Subject> = (subject: Subject, context: ProbeContext) => Promise<ProbeResult>;
