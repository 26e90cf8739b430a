import type { KubeObject } from '../kube/kube-object.ts';

/**
 * `spec` of a Lease (coordination.k8s.io/v1). The times are from the holder's clock, so other processes must not use
 * them.
 */
export interface LeaseSpec {
  /** Empty or absent without a holder. */
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  /**
   * The number of changes of the holder, which orders leaders. It decreases if the Lease is restored from a backup, or
   * deleted while no replica watches: then a number recurs.
   */
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** As client-go's defaults. Milliseconds. */
export const leaseTiming = {
  /** Without a renewal for this long, other candidates may acquire the Lease. */
  durationMs: 15_000,
  /** Without a renewal for this long, the holder starts no further write. */
  renewDeadlineMs: 10_000,
  /**
   * Without a renewal for this long, writes that were started before have ended too, even those that wait for an
   * admission webhook. The second that is left is for clocks that differ in rate, and for etcd.
   */
  writeDeadlineMs: 14_000,
  /** Between renewals. */
  retryMs: 2000,
} as const;

/** How much faster the clock of another process may run. */
const maxRateRatio = 1.03;

/**
 * The spec that acquires the Lease.
 * @param now milliseconds since the epoch
 * @param lastEpoch the `leaseTransitions` with which this process led last; -1 if it never did
 */
export function takenBy(identity: string, before: LeaseSpec | undefined, now: number, lastEpoch = -1): LeaseSpec {
  const transitions = before?.leaseTransitions ?? 0;
  // A lost response: this process is already the holder.
  const ours = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: leaseTiming.durationMs / 1000,
    acquireTime: microTime(now),
    renewTime: microTime(now),
    leaseTransitions: Math.max(ours || before === undefined ? transitions : transitions + 1, lastEpoch + 1),
  };
}

/** The spec that renews the Lease. @param now milliseconds since the epoch */
export function renewed(held: LeaseSpec, now: number): LeaseSpec {
  return { ...held, renewTime: microTime(now) };
}

/** The spec that releases the Lease, as in client-go. @param now milliseconds since the epoch */
export function released({ leaseTransitions = 0 }: LeaseSpec, now: number): LeaseSpec {
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: microTime(now),
    renewTime: microTime(now),
    leaseTransitions,
  };
}

/**
 * The spec with which the holder leaves the Lease to expire not before this time, even by a clock that is 3 % faster.
 * @param now in ms since the epoch
 */
export function expiring(held: LeaseSpec, inMs: number, now: number): LeaseSpec {
  return { ...renewed(held, now), leaseDurationSeconds: Math.ceil((inMs * maxRateRatio) / 1000) };
}

/** `metav1.MicroTime`. */
function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}
