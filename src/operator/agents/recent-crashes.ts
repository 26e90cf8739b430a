import type { Clock } from '../../base/clock.ts';

/**
 * For how long a container that runs again counts as crashing, in milliseconds. A container that has run for so long
 * is restarted by the kubelet without a delay again.
 */
export const crashMemoryMs = 600_000;

interface Crash {
  /** By the clock of the node, in milliseconds since the epoch. */
  crashedAt: number;
  /** When it no longer counts, in monotonic milliseconds. */
  endsAt: number;
}

/**
 * Which containers that run again have crashed recently. The age of a crash that is new to this process is by the wall
 * clocks of the node and of this machine, and passes by the monotonic clock from then on.
 */
export class RecentCrashes {
  readonly #clock: Pick<Clock, 'wall' | 'monotonic'>;
  /** By the pod's uid. */
  #crashes = new Map<string, Crash>();

  constructor(clock: Pick<Clock, 'wall' | 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * The pods whose crash is recent. Pods that are not given are forgotten.
   * @param pods each with the time of its last crash
   */
  select<Pod extends { uid: string; crashedAt: number }>(pods: readonly Pod[]): Pod[] {
    const now = this.#clock.monotonic();
    const entries = pods.map(({ uid, crashedAt }): [string, Crash] => {
      const known = this.#crashes.get(uid);
      return [uid, known?.crashedAt === crashedAt ? known : { crashedAt, endsAt: now + this.#remainsOf(crashedAt) }];
    });
    this.#crashes = new Map(entries);
    return pods.filter(({ uid }) => this.#crashes.get(uid)!.endsAt > now);
  }

  /** In how many milliseconds the next recent crash no longer counts; Infinity if there is none. */
  get nextEndMs(): number {
    const now = this.#clock.monotonic();
    const ends = [...this.#crashes.values()].map(({ endsAt }) => endsAt - now).filter((ms) => ms > 0);
    return ends.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  }

  #remainsOf(crashedAt: number): number {
    const age = Math.max(0, this.#clock.wall() - crashedAt);
    return Math.max(0, crashMemoryMs - age);
  }
}
