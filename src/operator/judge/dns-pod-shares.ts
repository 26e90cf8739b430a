import type { DnsPod } from '../dns/dns-service.ts';
import type { JudgedDnsPod } from './fleet-facts.ts';

/** A share below this does not show. */
const leastShare = 0.02;

interface Known {
  pod: JudgedDnsPod;
  isPresent: boolean;
}

/**
 * For which share of the window the DNS Service has led to each pod behind it. Pods that are gone are remembered until
 * that does not show any more: an endpoint of a node that is no longer ready is removed while the failures that it made
 * are still in the window.
 */
export class DnsPodShares {
  readonly #known = new Map<string, Known>();
  #updatedAt: number | undefined;

  /**
   * @param pods as they are now
   * @param now monotonic milliseconds
   */
  update(pods: Iterable<DnsPod>, now: number, windowMs: number): JudgedDnsPod[] {
    // Exponential, with the mean age of what is in a window.
    const isFirst = this.#updatedAt === undefined;
    const part = isFirst ? 1 : 1 - Math.exp((-2 * (now - this.#updatedAt!)) / windowMs);
    this.#updatedAt = now;
    for (const known of this.#known.values()) known.isPresent = false;
    for (const { address, node, name, state, isServing } of pods) {
      const before = this.#known.get(address)?.pod.readyShare ?? 0;
      const readyShare = before + part * ((isServing ? 1 : 0) - before);
      this.#known.set(address, { pod: { address, node, name, state, readyShare }, isPresent: true });
    }
    for (const [address, known] of this.#known) {
      if (known.isPresent) continue;
      known.pod = { ...known.pod, state: 'ended', readyShare: known.pod.readyShare * (1 - part) };
      if (known.pod.readyShare < leastShare) this.#known.delete(address);
    }
    return [...this.#known.values()].map(({ pod }) => pod);
  }
}
