import type { SuspectKind } from '../../contract/suspects.ts';
import { Likelihood, severities } from './likelihood.ts';
import { type Scene, streamKinds } from './scene.ts';
import { type Scope, Scopes } from './scopes.ts';
import {
  Admission,
  type Direction,
  directionsOf,
  eachSubjectOf,
  namesOf,
  needsDials,
  type Subject,
  subjectCounts,
  subjectOf,
  subjectsBehindResolver,
  witnessOf,
} from './subjects.ts';
import { type BaseRates, baseRatesOf, type Tally } from './tally.ts';

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

/** At least this share of those that can see a fault must see it, so that a few lying agents make none. */
const seeingShare = 0.6;

/** What weighing depends on besides what is weighed. */
export interface WeighingContext {
  now: Tally;
  raised: ReadonlySet<string>;
  failureRatio: number;
}

/** Weighs subjects against what was found in one channel and horizon. */
export class Weigher {
  readonly scene: Scene;
  readonly tally: Tally;
  readonly now: Tally;
  readonly bases: BaseRates;
  readonly likelihood: Likelihood;
  /** Streams that weighing has looked at; for breaks. */
  work = 0;
  readonly #scopes: Scopes;
  readonly #admission: Admission;
  readonly #logCounts: Record<SuspectKind, number>;
  readonly #raised: ReadonlySet<string>;
  readonly #failureRatio: number;
  /** By node: the last vote that counted it. */
  readonly #asked: Int32Array;
  readonly #sees: Int32Array;
  #vote = 0;

  /** @param context `now` are the last two holds, `raised` the keys of suspects */
  constructor(scene: Scene, tally: Tally, context: WeighingContext) {
    this.scene = scene;
    this.tally = tally;
    this.now = context.now;
    this.#raised = context.raised;
    this.#failureRatio = context.failureRatio;
    this.bases = baseRatesOf(scene, tally);
    this.#scopes = new Scopes(scene);
    this.#admission = new Admission(scene);
    const counts = subjectCounts(scene);
    this.#logCounts = Object.fromEntries(
      Object.entries(counts).map(([kind, count]) => [kind, Math.log(Math.max(1, count))]),
    ) as Record<SuspectKind, number>;
    this.likelihood = new Likelihood(scene, tally, this.bases, this.#costOf('Link', 'all'));
    this.#asked = new Int32Array(scene.nodes.length);
    this.#sees = new Int32Array(scene.nodes.length);
  }

  /** The subjects that may pay, with the most that each can score. */
  *candidates(): Generator<void, Map<number, number>> {
    const most = new Map<number, number>();
    const { scene } = this;
    const add = (id: number, gain: number) => most.set(id, (most.get(id) ?? 0) + gain);
    let atResolver = 0;
    let count = 0;
    for (const at of this.tally.spoilt) {
      const gain = this.likelihood.mostOf(at);
      if (gain <= 0 || !this.#isJudgedIn(at)) continue;
      if (scene.kind[at] === streamKinds.resolver) atResolver += gain;
      eachSubjectOf(scene, at, (id) => add(id, gain));
      if (++count % 1000 === 0) yield;
    }
    if (atResolver > 0) for (const id of subjectsBehindResolver(scene, most.keys())) add(id, atResolver);
    for (const [id, gain] of most) {
      const subject = subjectOf(id);
      const score = gain - this.#costOf(subject.kind, 'all') + (this.#raised.size > 0 ? raisedBonus : 0);
      if (score > 0 && this.#isAllowed(subject)) most.set(id, score);
      else most.delete(id);
    }
    return most;
  }

  /** The best direction and severity of a subject; undefined if none pays. */
  weigh(subject: Subject): Finding | undefined {
    let best: Finding | undefined;
    for (const direction of directionsOf(subject, this.scene)) {
      const scope = this.#scopes.of(subject, direction);
      if (scope.positions.length === 0) continue;
      this.work += scope.positions.length;
      if (!this.#isSeen(subject, scope) || !this.#isAboveRatio(scope)) continue;
      const { key } = namesOf(subject, direction, this.scene);
      const cost = this.#costOf(subject.kind, direction) - (this.#raised.has(key) ? raisedBonus : 0);
      for (const severity of severities) {
        const { gain, dials } = this.likelihood.gainOf(scope, severity);
        this.work += scope.positions.length;
        const score = gain - cost;
        if (score <= Math.max(0, best?.score ?? 0)) continue;
        if (needsDials(subject) && dials <= 0) continue;
        best = { subject, direction, severity, score, scope, key };
      }
    }
    return best;
  }

  /** Streams in a scope that a suspect affects as a whole, and how many of them are well. */
  wellShareOf({ positions, shares }: Scope): number {
    let all = 0;
    let well = 0;
    for (const [index, at] of positions.entries()) {
      if (shares[index]! < 1 || this.tally.attempts[at] === 0) continue;
      all++;
      if (this.tally.bad[at] === 0) well++;
    }
    return all === 0 ? 0 : well / all;
  }

  #costOf(kind: SuspectKind, direction: Direction): number {
    const more = kind === 'Zone' ? zoneCost : kind === 'Node' && direction !== 'all' ? directionCost : 0;
    return kindCost + this.#logCounts[kind] + more;
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

  #isJudgedIn(at: number): boolean {
    return this.tally.channel !== 'answered' || this.scene.isLookup(at);
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
