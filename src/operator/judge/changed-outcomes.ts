import type { Clock } from '../../base/clock.ts';
import type { Link } from '../reports/link-table.ts';

/** Attempts at a target, and those of them that were bad: that failed, needed a retransmit, or were slow. */
export interface Outcome {
  attempts: number;
  bad: number;
}

/** Maximum number of agents that report more often at once, of all NetExporters. */
const maxAgents = 500;

/**
 * Maximum number of them for one node, server or Service, and for one name, which every agent looks up at every server.
 * So many witnesses are enough for a verdict in time: a name that ceases to exist must not make all agents call more
 * often.
 */
const maxWitnesses = 20;
const maxWitnessesOfHost = 100;

/** How often changes that are over are looked for, in milliseconds: an agent that is silent does not ask. */
const sweepMs = 5000;

interface Change {
  /** Whether it has become bad. */
  isBad: boolean;
  /** In monotonic milliseconds. */
  until: number;
}

interface Witness {
  changes: Map<Link, Change>;
  subjects: Set<string>;
}

/**
 * The agents that have just found a target bad that was well before, or well that was bad. A verdict is due, so that
 * they report more often: until a window has passed, or the target is again as it was before. A target that is neither
 * well nor bad within a window is no change, however often it goes back and forth.
 */
export class ChangedOutcomes {
  readonly #clock: Clock;
  readonly #witnesses = new Map<string, Witness>();
  readonly #perSubject = new Map<string, number>();
  #sweptAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweptAt = clock.monotonic();
  }

  /** Number of agents that report more often. */
  get size(): number {
    return this.#witnesses.size;
  }

  /**
   * Takes in the results of one target in a report.
   * @param before within the last window; without attempts, nothing is known to have changed
   * @param windowMs length of the window
   */
  note(
    agent: string,
    link: Link,
    { before, now, windowMs }: { before: Outcome; now: Outcome; windowMs: number },
  ): void {
    if (now.attempts === 0) return;
    const witness = this.#witnesses.get(agent);
    const change = witness?.changes.get(link);
    if (change) {
      const isBack = change.isBad ? now.bad === 0 : now.bad > 0;
      if (isBack) this.#end(agent, witness!, link);
      return;
    }
    if (before.attempts === 0) return;
    const becomesBad = before.bad === 0 && now.bad > 0;
    const becomesWell = before.bad === before.attempts && now.bad < now.attempts;
    if (becomesBad || becomesWell)
      this.#begin(agent, link, { isBad: becomesBad, until: this.#clock.monotonic() + windowMs });
  }

  /** Whether this agent is to report more often. */
  has(agent: string): boolean {
    const witness = this.#witnesses.get(agent);
    if (!witness) return false;
    this.#expire(agent, witness, this.#clock.monotonic());
    return witness.changes.size > 0;
  }

  /** Forgets an agent. */
  forget(agent: string): void {
    const witness = this.#witnesses.get(agent);
    if (!witness) return;
    this.#witnesses.delete(agent);
    for (const subject of witness.subjects) {
      const left = this.#perSubject.get(subject)! - 1;
      if (left > 0) this.#perSubject.set(subject, left);
      else this.#perSubject.delete(subject);
    }
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const [agent, witness] of this.#witnesses) this.#expire(agent, witness, now);
  }

  #expire(agent: string, witness: Witness, now: number): void {
    for (const [link, { until }] of witness.changes) if (until <= now) this.#end(agent, witness, link);
  }

  #begin(agent: string, link: Link, change: Change): void {
    this.#sweep();
    const known = this.#witnesses.get(agent);
    if (!known && this.#witnesses.size >= maxAgents) return;
    const witness = known ?? { changes: new Map<Link, Change>(), subjects: new Set<string>() };
    const subjects = subjectsOf(link).filter(([subject]) => !witness.subjects.has(subject));
    if (subjects.some(([subject, most]) => (this.#perSubject.get(subject) ?? 0) >= most)) return;
    this.#witnesses.set(agent, witness);
    witness.changes.set(link, change);
    for (const [subject] of subjects) {
      witness.subjects.add(subject);
      this.#perSubject.set(subject, (this.#perSubject.get(subject) ?? 0) + 1);
    }
  }

  #end(agent: string, witness: Witness, link: Link): void {
    witness.changes.delete(link);
    if (witness.changes.size === 0) this.forget(agent);
  }
}

/** What may be at fault, and the number of witnesses of it that are enough. */
function subjectsOf({ probe, host, server, node }: Link): [subject: string, most: number][] {
  if (probe === 'dns')
    return [
      [`host ${host}`, maxWitnessesOfHost],
      [`server ${server}`, maxWitnesses],
    ];
  return [[node === '' ? `address ${host}` : `node ${node}`, maxWitnesses]];
}
