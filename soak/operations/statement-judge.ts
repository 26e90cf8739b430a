import type { Moment } from './moment.ts';
import { type Statement, statementsAt } from './statements.ts';
import { truthText } from './truth-text.ts';

/** No statement may be false for longer, in milliseconds. */
export const longestFalsehoodMs = 5000;

/** The figures of the former leader may stay for so long (docs/conditions.md), in milliseconds. */
const keptFiguresMs = 5000;

/**
 * A statement may come before what it is about: the observer learns of both by other connections, and of agents by
 * looking at them. What changes together comes to the operator in any order, too: a DaemonSet's count before the state
 * of the node that explains it. Milliseconds.
 */
export const lagMs = 2000;

/** How far back it is looked for when a statement was true last, in milliseconds. */
const keptMs = 2 * longestFalsehoodMs;

/** A statement that was false for too long. */
export interface Falsehood {
  subject: string;
  said: string;
  /** For how long it was said although it was not so, in seconds. */
  seconds: number;
  /** When it was found, as RFC 3339. */
  at: string;
  /** What was so then. */
  truth: string;
  operation: string;
}

/** A statement that is false, since when. */
interface Run {
  text: string;
  since: number;
  /** It was never so, as far back as is looked. */
  isInvented: boolean;
  found: Falsehood | undefined;
}

/**
 * Compares what the operator says with what is so. A statement is false since it was last so, at any moment that was
 * observed. One that was never so in the last five seconds may be said for two seconds. The clock of a statement starts
 * when there is a leader, who alone can change it, and with the NetExporter; that of figures five seconds after the
 * leader.
 */
export class StatementJudge {
  readonly falsehoods: Falsehood[] = [];
  /** How often a statement was compared. */
  compared = 0;
  /** How many different things were said. */
  readonly #said = new Set<string>();
  #longestMs = 0;
  readonly #moments: Moment[] = [];
  #judged = 0;
  readonly #runs = new Map<string, Run>();

  /** Takes in the next moment, and judges what was said two seconds before. */
  add(moment: Moment): void {
    this.#moments.push(moment);
    this.#judgeUntil(moment.at - lagMs);
    const start = this.#moments.findIndex(({ at }) => at >= moment.at - keptMs - lagMs);
    // The one before is what was so at the start of the time that is kept.
    const gone = Math.min(start - 1, this.#judged);
    if (gone > 0) this.#judged -= this.#moments.splice(0, gone).length;
  }

  /** Judges what is left. */
  finish(): void {
    this.#judgeUntil(Number.POSITIVE_INFINITY);
  }

  /** For how long anything was said that was not so, at most, in seconds. */
  get longestSeconds(): number {
    return this.#longestMs / 1000;
  }

  /** How many different things were said. */
  get statements(): number {
    return this.#said.size;
  }

  #judgeUntil(end: number): void {
    for (let next = this.#moments[this.#judged]; next && next.at <= end; next = this.#moments[this.#judged]) {
      this.#judge(next);
      this.#judged++;
    }
  }

  #judge(moment: Moment): void {
    const { leader } = moment;
    const subjects = new Set<string>();
    for (const statement of leader ? statementsAt(moment) : []) {
      const start = Math.max(leader!.since + (statement.isFigure ? keptFiguresMs : 0), moment.resourceSince);
      if (moment.at < start) continue;
      subjects.add(statement.subject);
      this.#said.add(`${statement.subject} ${statement.text}`);
      this.compared++;
      this.#compare(statement, moment, start);
    }
    for (const subject of this.#runs.keys()) if (!subjects.has(subject)) this.#runs.delete(subject);
  }

  #compare(statement: Statement, moment: Moment, start: number): void {
    const { subject, text } = statement;
    const { at } = moment;
    const before = this.#runs.get(subject);
    const run = before?.text === text ? before : undefined;
    const until = this.#trueUntil(statement, at);
    if (until !== undefined && until >= at) {
      this.#runs.delete(subject);
      return;
    }
    // What was never so, as far back as is looked, is false for as long as it is said.
    const isInvented = until === undefined && (run?.isInvented ?? start <= at - keptMs);
    const since = Math.max(start, until ?? run?.since ?? (isInvented ? at : start));
    const ms = at - since;
    this.#longestMs = Math.max(this.#longestMs, ms);
    const isFound = ms > (isInvented ? lagMs : longestFalsehoodMs);
    const found = run?.found ?? (isFound ? this.#find(statement, moment) : undefined);
    if (found) found.seconds = Math.round(ms / 100) / 10;
    this.#runs.set(subject, { text, since, isInvented, found });
  }

  #find({ subject, text }: Statement, moment: Moment): Falsehood {
    const { wall, operation } = moment;
    const at = new Date(wall).toISOString();
    const found = { subject, said: text, seconds: 0, at, truth: truthText(moment), operation };
    this.falsehoods.push(found);
    return found;
  }

  /** Until when a statement was so last, in monotonic milliseconds; undefined where it was not, as far as is kept. */
  #trueUntil({ isTrue }: Statement, at: number): number | undefined {
    for (let index = this.#moments.length - 1; index >= 0; index--) {
      const moment = this.#moments[index]!;
      if (moment.at > at + lagMs) continue;
      if (isTrue(moment)) return this.#moments[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      // That one was so at the beginning of the time.
      if (moment.at <= at - keptMs) return undefined;
    }
    return undefined;
  }
}
