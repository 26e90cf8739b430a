import { isDeepStrictEqual } from 'node:util';
import type { Lease, LeaseSpec } from './lease.ts';

/** What a candidate knows about the Lease. */
export interface LeaseObservation {
  /** Undefined: there never was one. */
  spec: LeaseSpec | undefined;
  /** Undefined: there is none now. */
  resourceVersion: string | undefined;
  /** When we first saw it say this, on our own monotonic clock. */
  since: number;
}

/**
 * Takes in what the API server says of the Lease. Only a change of what it says is a sign of life: its times are those
 * of another machine's clock, and hearing the same again after a lost connection is no news.
 * @param lease undefined where there is none
 * @param now monotonic milliseconds
 */
export function observeLease(
  before: LeaseObservation | undefined,
  lease: Lease | undefined,
  now: number,
): LeaseObservation {
  // Someone deleted it. Its holder may go on until its time is over, and the count of holders goes on too.
  if (!lease)
    return before
      ? { ...before, resourceVersion: undefined }
      : { spec: undefined, resourceVersion: undefined, since: now };
  const spec = lease.spec ?? {};
  const same = before?.spec !== undefined && isDeepStrictEqual(before.spec, spec);
  return { spec, resourceVersion: lease.metadata.resourceVersion, since: same ? before.since : now };
}

/** From when on this candidate may take the Lease, in monotonic milliseconds. */
export function freeFrom({ spec, since }: LeaseObservation, identity: string): number {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = spec ?? {};
  if (holderIdentity === '' || holderIdentity === identity) return since;
  return since + leaseDurationSeconds * 1000;
}
