import type { ApiObject } from '../../test/faults/cluster-api.ts';
import type { Leader } from './moment.ts';

/** A leader renews the Lease every two seconds at most; one that has not for so long may be none. Milliseconds. */
const renewedMs = 3500;

/** Who leads, by the renewals of the Lease that are seen. */
export class LeaseWatch {
  #holder = '';
  #renewed = '';
  #since = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;

  /**
   * Takes in the Lease as it is. Deletions do not matter: the holder creates it again.
   * @param now monotonic milliseconds
   */
  see(lease: ApiObject, now: number): void {
    const { holderIdentity = '', renewTime = '' } = (lease.spec ?? {}) as {
      holderIdentity?: string;
      renewTime?: string;
    };
    if (holderIdentity !== this.#holder) {
      this.#holder = holderIdentity;
      this.#since = now;
    }
    if (renewTime === this.#renewed) return;
    this.#renewed = renewTime;
    this.#renewedAt = now;
  }

  /** The holder was ended, and renews it no more. */
  end(): void {
    this.#renewedAt = Number.NEGATIVE_INFINITY;
  }

  /** Undefined if the Lease has not been renewed lately. @param now monotonic milliseconds */
  leader(now: number): Leader | undefined {
    if (this.#holder === '' || now - this.#renewedAt > renewedMs) return undefined;
    return { pod: this.#holder.split('_')[0]!, since: this.#since };
  }
}
