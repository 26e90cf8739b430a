import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { maxSuspectName, type SuspectKind, type SuspectReason } from '../../contract/suspects.ts';
import { targetStates } from '../plan/target-states.ts';
import { type FleetFacts, horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import { Hysteresis } from './hysteresis.ts';
import { type Judged, type Judgement, judgementOf } from './judgement.ts';
import { type AcceptedReport, Observations, type SharedObservations } from './observations.ts';
import { sceneOf } from './scene.ts';
import { type Direction, keyOfName, namesOf } from './subjects.ts';
import { hardRate } from './suspect-figures.ts';
import { wordsOf } from './suspect-words.ts';

/** A part of the network that is at fault. */
export interface Suspect {
  kind: SuspectKind;
  name: string;
  reason: SuspectReason;
  /** One sentence. */
  evidence: string;
  /** When it was raised, in milliseconds since the epoch. */
  since: number;
}

/** A suspect while it is one, or is about to become one. */
interface Shown extends Suspect {
  direction: Direction;
  score: number;
  rateNow: number;
  /** When it was hard last, in monotonic milliseconds. */
  hardAt: number | undefined;
  bootId: string | undefined;
}

/** The result of a judgement. */
export interface Verdict {
  /** Worst first. */
  suspects: Suspect[];
  raised: Suspect[];
  cleared: Suspect[];
  /** Whether two holds have not passed yet since the judge began. */
  isWarming: boolean;
  /** Agents that count, and those of them that are not overdue. */
  agents: number;
  reporting: number;
  /** Score of the best finding that is not a suspect, before any is dropped; 0 without one. In nats. */
  highestOther: number;
}

/**
 * Judges one NetExporter's fleet from its agents' reports. It keeps the streams' counts and the suspects; everything
 * else is computed anew by each judgement.
 */
export class Judge {
  readonly #clock: Clock;
  readonly #shared: SharedObservations | undefined;
  #options: JudgeOptions;
  #observations: Observations;
  readonly #hysteresis = new Hysteresis();
  readonly #shown = new Map<string, Shown>();
  #startedAt: number;

  /** @param shared with other judges; nothing if there are none */
  constructor(clock: Clock, options: JudgeOptions, shared?: SharedObservations) {
    this.#clock = clock;
    this.#shared = shared;
    this.#options = options;
    this.#startedAt = clock.monotonic();
    this.#observations = new Observations(options, this.#startedAt, shared);
  }

  /** What has been counted of reports. */
  get observations(): Observations {
    return this.#observations;
  }

  /** How much of the window has been observed, in milliseconds. */
  get coveredMs(): number {
    return Math.min(this.#clock.monotonic() - this.#startedAt, horizonsOf(this.#options).whole);
  }

  /** Worst first. */
  get suspects(): Suspect[] {
    return [...this.#shown].sort(([, a], [, b]) => b.score - a.score).map(([, shown]) => suspectOf(shown));
  }

  /**
   * Judges by other options from now on. Suspects stay. If the periods that are judged are others, counting begins
   * anew, and no suspect is cleared before a window has passed.
   */
  use(options: JudgeOptions): void {
    if (isDeepStrictEqual(options, this.#options)) return;
    const [before, after] = [this.#options, options].map(horizonsOf);
    this.#options = options;
    if (isDeepStrictEqual(before, after)) {
      this.#observations.options = options;
      return;
    }
    this.#startedAt = this.#clock.monotonic();
    this.#observations.close();
    this.#observations = new Observations(options, this.#startedAt, this.#shared);
    this.#hysteresis.adopt(this.#hysteresis.raised, this.#startedAt, after!.whole);
  }

  /** Forgets all reports. */
  close(): void {
    this.#observations.close();
  }

  /** Counts what was accepted of a report. */
  take(report: AcceptedReport): void {
    this.#observations.take(report, this.#clock.monotonic());
  }

  /** Forgets an agent whose pod is gone. */
  forget(podUid: string): void {
    this.#observations.forget(podUid);
  }

  /** Takes over the suspects of a former leader, from `status.suspects`. */
  adopt(suspects: readonly Suspect[]): void {
    const unknown = { direction: 'all' as const, score: 0, rateNow: 0, hardAt: undefined, bootId: undefined };
    for (const suspect of suspects) this.#shown.set(keyOfName(suspect.kind, suspect.name), { ...suspect, ...unknown });
    const { whole } = horizonsOf(this.#options);
    this.#hysteresis.adopt([...this.#shown.keys()], this.#clock.monotonic(), whole);
  }

  /** Judges what is known now. Yields between slices of at most 25 ms, after which others may run. */
  *judge(facts: FleetFacts): Generator<void, Verdict> {
    const now = this.#clock.monotonic();
    this.#observations.advance(now);
    yield;
    const scene = yield* sceneOf(this.#observations, facts, now);
    yield;
    const judgement = yield* judgementOf(scene, this.#observations, this.#options, this.#hysteresis.raised);
    const { agents, reporting } = countAgents(facts, now);
    const { raised, cleared } = this.#hysteresis.update(judgement.judged, now, reporting * 2 < agents);
    const goneSuspects = cleared.map((key) => this.#shown.get(key)!);
    for (const key of cleared) this.#shown.delete(key);
    const current = this.#hysteresis.raised;
    let highestOther = 0;
    for (const judged of judgement.judged) {
      if (current.has(judged.key)) {
        this.#show(judgement, judged, now);
        yield;
      }
    }
    for (const { key, score } of judgement.explained)
      if (!current.has(key)) highestOther = Math.max(highestOther, score);
    return {
      suspects: this.suspects,
      raised: raised.map((key) => suspectOf(this.#shown.get(key)!)),
      cleared: goneSuspects.map(suspectOf),
      isWarming: now - this.#startedAt < 2 * this.#options.holdMs,
      agents,
      reporting,
      highestOther,
    };
  }

  #show(judgement: Judgement, judged: Judged, now: number): void {
    const { key, score, rateNow } = judged;
    const known = this.#shown.get(key);
    const { kind, a } = judged.subject;
    const bootId = kind === 'Node' ? judgement.scene.nodes[a]!.facts?.bootId : undefined;
    // A node that comes back looks for a while as if it could not be reached only.
    const isFrozen = known !== undefined && (kind !== 'Node' || rateNow < known.rateNow);
    const direction = isFrozen ? known.direction : judged.direction;
    const name = known?.name ?? namesOf(judged.subject, direction, judgement.scene).name.slice(0, maxSuspectName);
    const firstBootId = known?.bootId ?? bootId;
    const hasRebooted = bootId !== firstBootId;
    const horizons = horizonsOf(this.#options);
    const isHard = rateNow >= hardRate;
    // When a hard fault is over, its failures stay in the window for a while. It was no loss of some packets.
    const isOver = known?.hardAt !== undefined && !isHard && !hasRebooted && now - known.hardAt < horizons.whole;
    const words = isOver
      ? { reason: known.reason, evidence: known.evidence }
      : wordsOf(judgement, this.#observations, judged, { name, direction, horizons, hasRebooted });
    const since = known?.since ?? this.#clock.wall();
    const hardAt = isHard ? now : known?.hardAt;
    this.#shown.set(key, { kind, name, ...words, since, direction, score, rateNow, hardAt, bootId: firstBootId });
  }
}

function countAgents({ agents }: FleetFacts, now: number): { agents: number; reporting: number } {
  const counted = agents.filter(({ state }) => targetStates[state].counted);
  return { agents: counted.length, reporting: counted.filter(({ overdueAt }) => now <= overdueAt).length };
}

function suspectOf({ kind, name, reason, evidence, since }: Shown): Suspect {
  return { kind, name, reason, evidence, since };
}
