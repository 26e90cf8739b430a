import { doubledDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * How often a change is mended before whoever makes it is taken for a rival. A hand that slips slips once or twice, and the
 * first may have been a change of ours.
 */
const patience = 4;

/** A change that comes back later than this after it was mended is a new one. */
const forgetMs = 10 * 60_000;

/** For how long a rival's change is left standing: doubling with each time that it comes back. */
const hold = { baseMs: 10_000, maxMs: 5 * 60_000 };

/** For how long an object has to stay as declared, at least, before its rival is taken to have given up. */
const calmMs = 30_000;

interface Row {
  /** Identifies the declaration: a new one is not the rival's doing. */
  declaration: string;
  /** The fields that were changed each time. */
  fields: string[];
  managers: string[];
  /** How often they have been mended in a row. */
  mends: number;
  /** Monotonic milliseconds. */
  lastAt: number;
}

/** Someone who keeps changing fields of one of our objects back. */
export interface Contest {
  /** The field managers; empty where nobody's name stands there. */
  managers: string[];
  /** Paths as drift has them. */
  fields: string[];
  /** When there is something to do or to say again, in milliseconds from now. */
  lookAgainMs: number;
}

/**
 * Remembers what of which object was mended when, and tells from it who is a rival: one whose same change has come back again
 * and again. Objects are known by a name of the caller's, so that one that was created anew is the same.
 */
export class Rivalry {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #rows = new Map<string, Row>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The object was changed in these fields and has been mended. */
  mended(object: string, declaration: string, fields: string[], managers: string[]): void {
    const now = this.#clock.monotonic();
    for (const [name, { lastAt }] of this.#rows) if (now - lastAt > forgetMs) this.#rows.delete(name);
    const row = this.#rows.get(object);
    const again = row?.declaration === declaration ? fields.filter((field) => row.fields.includes(field)) : [];
    if (row && again.length > 0)
      this.#rows.set(object, { ...row, fields: again, managers, mends: row.mends + 1, lastAt: now });
    else this.#rows.set(object, { declaration, fields, managers, mends: 1, lastAt: now });
  }

  /** Whether the object, which now differs in these fields, is to be left so for a while, and until when. */
  held(object: string, declaration: string, fields: string[]): Contest | undefined {
    const row = this.#contested(object, declaration);
    if (!row?.fields.some((field) => fields.includes(field))) return undefined;
    const leftMs = row.lastAt + holdMs(row) - this.#clock.monotonic();
    return leftMs > 0 ? { managers: row.managers, fields: row.fields, lookAgainMs: leftMs } : undefined;
  }

  /** The rival of an object that is as declared at present, until it has been so for long enough. */
  unsettled(object: string, declaration: string): Contest | undefined {
    const row = this.#contested(object, declaration);
    if (!row) return undefined;
    const leftMs = row.lastAt + Math.max(calmMs, holdMs(row)) - this.#clock.monotonic();
    return leftMs > 0 ? { managers: row.managers, fields: row.fields, lookAgainMs: leftMs } : undefined;
  }

  #contested(object: string, declaration: string): Row | undefined {
    const row = this.#rows.get(object);
    return row && row.declaration === declaration && row.mends >= patience ? row : undefined;
  }
}

function holdMs({ mends }: Row): number {
  return doubledDelay(mends - patience + 1, hold);
}
