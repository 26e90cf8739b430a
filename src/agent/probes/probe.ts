import type { FailureReason } from '../../contract/failure-reason.ts';
import type { KissCode } from '../../contract/kiss-codes.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** Where a latency comes from: the kernel's own measurement, or the JavaScript clock where the kernel gives none. */
export type Timing = 'kernel' | 'clock';

/**
 * Where lost packets were lost: on the way to the peer (`forward`), on the way back (`return`), or nobody knows. An answer that came too
 * late was lost on the way back.
 */
export type LossDirection = 'forward' | 'return' | 'unknown';
export type Losses = Record<LossDirection, number>;

/** What one turn of a probe found. Every attempt it made is in `latencies` when it succeeded, in `failures` when not. */
export interface ProbeResult {
  /** Seconds, one for each attempt that succeeded. */
  latencies: number[];
  /** One for each attempt that failed. */
  failures: FailureReason[];
  /** Segments that the kernel sent again (TCP SYNs), also those of an attempt that failed. */
  retransmits: number;
  /** Where the latencies come from; `clock` as soon as any part of one does. Says nothing where there is no latency. */
  timing: Timing;
  /** Where packets were lost, of a probe that can tell: those of this turn, and those that the one before had left open. */
  losses?: Losses;
  /** What a time server that answered said of the clocks. */
  clock?: ServerClock;
  /** How a time server said that it does not want to be asked (so often). */
  kiss?: KissCode;
}

/** A time server's clock. */
export interface ServerClock {
  /** How many servers it is away from a reference clock, 1 to 15. */
  stratum: number;
  /** How far this machine's clock is behind it, in seconds, below zero when ahead; undefined when this machine's was set meanwhile. */
  offsetSeconds: number | undefined;
}

/** What a probe is given besides its target. */
export interface ProbeContext {
  /** How long one attempt may take, in milliseconds. */
  timeoutMs: number;
  /** Aborted when the target is taken away or the agent stops: the probe closes what it has open and rejects with the signal's reason. */
  signal: AbortSignal;
  /** The kernel's timing, or undefined where this machine gives none. */
  kernel: Kernel | undefined;
}

/**
 * The one signature that all probes share. It resolves for whatever the network does; it rejects only when aborted
 * or for a fault of the agent itself (no descriptor left, no memory), which is counted apart from the network's.
 */
export type Probe<Subject> = (subject: Subject, context: ProbeContext) => Promise<ProbeResult>;
