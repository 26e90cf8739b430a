import type { SuspectKind } from '../../contract/suspects.ts';
import type { Bounds } from './bounds.ts';
import { type Candidate, CandidateQueue } from './candidate-queue.ts';
import { Likelihood, severities } from './likelihood.ts';
import { type Scene, streamKinds } from './scene.ts';
import type { Scope, Scopes } from './scopes.ts';
import {
  Admission,
  type Direction,
  namesOf,
  needsDials,
  type Subject,
  subjectCounts,
  subjectOf,
  witnessOf,
} from './subjects.ts';
import { type BaseRates, baseRatesOf, isHealthy, type Tallies, type Tally } from './tally.ts';

/** A subject that explains what was found, and how well. */
export interface Finding {
  subject: Subject;
  direction: Direction;
  severity: number;
  /** Gain minus prior cost, in nats. */
  score: number;
  scope: Scope;
  /** Does not depend on the direction. */
  key: string;
}

/** Prior costs, in nats. */
const kindCost = 8;
const directionCost = 1;
const zoneCost = 2;

/** So much less costs a suspect that is one already. */
const raisedBonus = 6;

/** So many bad streams are looked at without a break. */
const spoiltPerSlice = 5000;

/** At least this share of those that can see a fault must see it, so that a few lying agents make none. */
const seeingShare = 0.6;

/** What weighing depends on besides what is weighed. */
export interface WeighingContext {
  scopes: Scopes;
  bounds: Bounds;
  tallies: Tallies;
  /** Keys of suspects. */
  raised: ReadonlySet<string>;
  failureRatio: number;
}

/** Weighs subjects against what was found in one channel and horizon. */
export class Weigher {
  readonly scene: Scene;
  readonly tally: Tally;
  readonly tallies: Tallies;
  readonly bases: BaseRates;
  readonly likelihood: Likelihood;
  /** Streams that weighing has looked at; for breaks. */
  work = 0;
  /** Scores of subjects that were weighed while nothing was explained; 0 for one that does not pay. */
  readonly #firstScores = new Map<number, number>();
  readonly #scopes: Scopes;
  readonly #bounds: Bounds;
  readonly #admission: Admission;
  readonly #logCounts: Record<SuspectKind, number>;
  readonly #raised: ReadonlySet<string>;
  readonly #failureRatio: number;
  /** By node: the last vote that counted it. */
  readonly #asked: Int32Array;
  readonly #sees: Int32Array;
  #vote = 0;

  constructor(scene: Scene, tally: Tally, context: WeighingContext) {
    this.scene = scene;
    this.tally = tally;
    this.tallies = context.tallies;
    this.#raised = context.raised;
    this.#failureRatio = context.failureRatio;
    this.bases = baseRatesOf(scene, tally);
    this.#scopes = context.scopes;
    this.#bounds = context.bounds;
    this.#admission = new Admission(scene);
    const counts = subjectCounts(scene);
    this.#logCounts = Object.fromEntries(
      Object.entries(counts).map(([kind, count]) => [kind, Math.log(Math.max(1, count))]),
    ) as Record<SuspectKind, number>;
    this.likelihood = new Likelihood(scene, tally, this.bases, this.#costOf('Link', 'all'));
    this.#asked = new Int32Array(scene.nodes.length);
    this.#sees = new Int32Array(scene.nodes.length);
  }

  /** The subjects that may pay. @param banned ids of those that may not */
  *candidates(banned: ReadonlySet<number>): Generator<void, CandidateQueue> {
    const { spoilt } = this.tally;
    this.#bounds.clear();
    for (let start = 0; start < spoilt.length; start += spoiltPerSlice) {
      this.#bounds.add(spoilt.subarray(start, start + spoiltPerSlice), this.likelihood);
      yield;
    }
    const candidates: Candidate[] = [];
    this.#bounds.each((id, gain) => {
      const subject = subjectOf(id);
      const bound = gain - this.#costOf(subject.kind, 'all') + this.#mostBonus;
      if (bound <= 0 || banned.has(id) || !this.#isAllowed(subject)) return;
      const most = Math.min(bound, this.#firstScores.get(id) ?? bound);
      if (most > 0) candidates.push({ id, most });
    });
    return new CandidateQueue(candidates);
  }

  /** Remembers what came of weighing a subject. What is explained can only lower its score. */
  remember(id: number, finding: Finding | undefined): void {
    if (!this.likelihood.isExplaining) this.#firstScores.set(id, finding?.score ?? 0);
  }

  /** The best severity of a subject in one direction if that is better than the best so far. */
  weigh(subject: Subject, direction: Direction, best: Finding | undefined): Finding | undefined {
    const scope = this.#scopes.of(subject, direction);
    this.work += scope.positions.length;
    let atLeast = best?.score ?? 0;
    const most = this.likelihood.mostOfAll(scope) - this.#costOf(subject.kind, direction);
    if (most + this.#mostBonus <= atLeast) return best;
    if (!this.#isAboveRatio(scope) || !this.#isSeen(subject, scope)) return best;
    const { key } = namesOf(subject, direction, this.scene);
    const cost = this.#fullCostOf(subject, direction, key);
    let bestSeverity: number | undefined;
    for (const severity of severities) {
      const { gain, dials } = this.likelihood.gainOf(scope, severity);
      this.work += scope.positions.length;
      const score = gain - cost;
      if (score <= atLeast || (needsDials(subject) && dials <= 0)) continue;
      atLeast = score;
      bestSeverity = severity;
    }
    if (bestSeverity === undefined) return best;
    const kept = { positions: scope.positions.slice(), shares: scope.shares.slice() };
    return { subject, direction, severity: bestSeverity, score: atLeast, scope: kept, key };
  }

  /** The score of a finding given what is explained now. */
  scoreOf({ subject, direction, severity, scope, key }: Finding): number {
    return this.likelihood.gainOf(scope, severity).gain - this.#fullCostOf(subject, direction, key);
  }

  /** The most that being a suspect already can add to a score. */
  get #mostBonus(): number {
    return this.#raised.size > 0 ? raisedBonus : 0;
  }

  /** Of streams that a suspect affects as a whole: the share of those that are as good as well. */
  wellShareOf({ positions, shares }: Scope): number {
    const { attempts, bad } = this.tally;
    let all = 0;
    let well = 0;
    for (let index = 0; index < positions.length; index++) {
      const at = positions[index]!;
      if (shares[index]! < 1 || attempts[at] === 0) continue;
      all++;
      if (isHealthy(attempts[at]!, bad[at]!)) well++;
    }
    return all === 0 ? 0 : well / all;
  }

  #costOf(kind: SuspectKind, direction: Direction): number {
    const more = kind === 'Zone' ? zoneCost : kind === 'Node' && direction !== 'all' ? directionCost : 0;
    return kindCost + this.#logCounts[kind] + more;
  }

  #fullCostOf({ kind }: Subject, direction: Direction, key: string): number {
    return this.#costOf(kind, direction) - (this.#raised.has(key) ? raisedBonus : 0);
  }

  /**
   * Answers with an error speak about the name and the server. Lookups of the only name that fail otherwise speak about
   * servers and paths.
   */
  #isAllowed(subject: Subject): boolean {
    const { kind } = subject;
    if (this.tally.channel === 'answered' && kind !== 'Host' && kind !== 'DNSServer') return false;
    if (this.tally.channel !== 'answered' && kind === 'Host' && this.scene.hosts.length === 1) return false;
    return this.#admission.admits(subject);
  }

  /** Whether enough of those that can see the fault do: agents, or for a node its peers. */
  #isSeen(subject: Subject, { positions, shares }: Scope): boolean {
    const { kind } = subject;
    if (kind === 'Link' || kind === 'ServicePath') return true;
    const { scene } = this;
    const { attempts, bad } = this.tally;
    const vote = ++this.#vote;
    let asked = 0;
    let sees = 0;
    for (let index = 0; index < positions.length; index++) {
      const at = positions[index]!;
      if (shares[index]! < 1 || attempts[at] === 0) continue;
      if (needsDials(subject) && scene.kind[at] !== streamKinds.peer) continue;
      const witness = witnessOf(scene, subject, at);
      if (this.#asked[witness] !== vote) {
        this.#asked[witness] = vote;
        asked++;
      }
      if (bad[at] === 0 || this.#sees[witness] === vote) continue;
      this.#sees[witness] = vote;
      sees++;
    }
    return sees > 0 && sees >= seeingShare * asked;
  }

  #isAboveRatio({ positions, shares }: Scope): boolean {
    let attempts = 0;
    let bad = 0;
    for (let index = 0; index < positions.length; index++) {
      if (shares[index]! < 1) continue;
      attempts += this.tally.attempts[positions[index]!]!;
      bad += this.tally.bad[positions[index]!]!;
    }
    return bad > 0 && bad >= this.#failureRatio * attempts;
  }
}
