import type { KubeObject } from '../kube/kube-object.ts';

/** What a Lease says of who holds it (coordination.k8s.io/v1). The times are the holder's: nobody else may judge by them. */
export interface LeaseSpec {
  /** Empty or absent: nobody. */
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  /**
   * How often the holder has changed, which tells an earlier leader's words from a later one's. It falls when the Lease is restored from
   * a backup, or deleted while nobody watches it: then a number comes again.
   */
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** As client-go's defaults. Milliseconds. */
export const leaseTiming = {
  /** After this without a renewal others may take it. */
  durationMs: 15_000,
  /** After this without a renewal its holder stops. What it has sent by then ends within a request's timeout, before 15 s. */
  renewDeadlineMs: 10_000,
  /** Between renewals. */
  retryMs: 2000,
} as const;

/** What to write in order to take the Lease. @param now milliseconds since the epoch */
export function takenBy(identity: string, before: LeaseSpec | undefined, now: number): LeaseSpec {
  const transitions = before?.leaseTransitions ?? 0;
  // An answer that was lost: we have it already.
  const ours = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: leaseTiming.durationMs / 1000,
    acquireTime: microTime(now),
    renewTime: microTime(now),
    leaseTransitions: ours || before === undefined ? transitions : transitions + 1,
  };
}

/** What to write in order to keep the Lease. @param now milliseconds since the epoch */
export function renewed(held: LeaseSpec, now: number): LeaseSpec {
  return { ...held, renewTime: microTime(now) };
}

/** What to write in order to give the Lease to whoever comes first, as client-go does. @param now milliseconds since the epoch */
export function released({ leaseTransitions = 0 }: LeaseSpec, now: number): LeaseSpec {
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: microTime(now),
    renewTime: microTime(now),
    leaseTransitions,
  };
}

/** `metav1.MicroTime`. */
function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}
