import type { Clock } from '../../../base/clock.ts';
import { Slices } from '../../../base/slices.ts';
import type { ApiSource } from './api-source.ts';
import { type FleetView, fleetViewOf } from './fleet-view.ts';

/** Making a view lets everything else have its turn after so long, in milliseconds. */
const sliceMs = 5;

/** A view is served for so long where nothing is judged, in milliseconds. */
const freshMs = 5000;

/** How long a view is kept after its last use, in milliseconds. */
const unusedMs = 60_000;

interface KeptView {
  uid: string;
  /** Of the judgement that it is of, in milliseconds since the epoch; undefined before the first one. */
  judgedAt: number | undefined;
  /** Monotonic milliseconds. */
  madeAt: number;
  usedAt: number;
  view: FleetView | undefined;
}

/**
 * The views of all fleets, made when somebody asks, at most once for each judgement, and one at a time: a thousand
 * agents take a few hundredths of a second, in slices of 5 ms.
 */
export class FleetViews {
  readonly #source: Pick<ApiSource, 'fleetOf' | 'nodeOf'>;
  readonly #clock: Clock;
  readonly #views = new Map<string, KeptView>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: Pick<ApiSource, 'fleetOf' | 'nodeOf'>, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** @returns undefined if nothing is known of the NetExporter of this key */
  async of(key: string): Promise<FleetView | undefined> {
    const kept = this.#fresh(key);
    if (kept) return kept.view;
    const made = this.#last.then(() => this.#fresh(key)?.view ?? this.#make(key));
    this.#last = made.catch(() => {});
    return made;
  }

  /** Forgets all. */
  clear(): void {
    this.#views.clear();
  }

  #fresh(key: string): KeptView | undefined {
    const kept = this.#views.get(key);
    if (!kept) return undefined;
    const now = this.#clock.monotonic();
    const known = this.#source.fleetOf(key);
    const isSame = known?.agents.uid === kept.uid && known.latest?.judgedAt === kept.judgedAt;
    if (!isSame || now - kept.madeAt >= freshMs) return undefined;
    kept.usedAt = now;
    return kept;
  }

  async #make(key: string): Promise<FleetView | undefined> {
    const known = this.#source.fleetOf(key);
    const madeAt = this.#clock.monotonic();
    for (const [other, { usedAt }] of this.#views) if (madeAt - usedAt >= unusedMs) this.#views.delete(other);
    this.#views.delete(key);
    if (!known) return undefined;
    const making = fleetViewOf({ known, nodeOf: this.#source.nodeOf, now: madeAt });
    for (const slices = new Slices(this.#clock, sliceMs); ; ) {
      const step = making.next();
      if (step.done) {
        const of = { uid: known.agents.uid, judgedAt: known.latest?.judgedAt };
        this.#views.set(key, { ...of, madeAt, usedAt: madeAt, view: step.value });
        return step.value;
      }
      if (slices.isOver) await slices.next();
    }
  }
}
