import { type Clock, pause } from '../../base/clock.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { holdMs } from '../../protocol/sync.ts';
import type { NetExporterFleet } from '../agents/net-exporter-fleet.ts';
import type { DnsPod } from '../dns/dns-service.ts';
import { ChangedOutcomes } from './changed-outcomes.ts';
import { FleetJudge, type FleetSources, type JudgedEvidence } from './fleet-judge.ts';
import type { JudgedFleet } from './judged-fleet.ts';
import type { SharedObservations } from './observations.ts';
import { ShownJudgement } from './shown-judgement.ts';
import { StreamBudget } from './stream-budget.ts';

/** Time between two judgements of one NetExporter, in milliseconds. */
export const judgeEveryMs = 5000;

/** For how long the request of an agent is held whose targets have just changed, in milliseconds. */
export const changedHoldMs = 5000;

/** A judgement lets everything else have its turn after so long, in milliseconds. */
const turnMs = 5;

export interface FleetJudgesParts extends FleetSources {
  /** What there is to judge of a NetExporter; undefined if it is gone. */
  fleetOf: (key: string) => { resource: NetExporter; agents: NetExporterFleet } | undefined;
  clock: Clock;
  /** Counts the results of a target in a report that are not judged, because there are too many of them. */
  onUnjudged: () => void;
}

/** The last judgement of a NetExporter. */
export interface JudgeResult {
  judged: JudgedFleet;
  /** Whether its status has something else to say. */
  isNews: boolean;
}

/** What is known of a NetExporter's agents. */
export interface KnownFleet {
  resource: NetExporter;
  agents: NetExporterFleet;
  /** The pods behind the Service in `spec.dns.service`, whose states are found by each call. */
  dnsPods: () => readonly DnsPod[];
  /** The last judgement; undefined before the first one. */
  latest: JudgedFleet | undefined;
  /** What its status shows. */
  shown: JudgedFleet | undefined;
  /** Undefined while nothing is judged. */
  evidence: JudgedEvidence | undefined;
}

interface Judged {
  judge: FleetJudge;
  shown: ShownJudgement;
  latest: JudgedFleet | undefined;
}

/** The judges of all NetExporters, while this operator leads. */
export class FleetJudges {
  readonly #parts: FleetJudgesParts;
  readonly #judges = new Map<string, Judged>();
  readonly #shared: SharedObservations;

  constructor(parts: FleetJudgesParts) {
    this.#parts = parts;
    const { clock, onUnjudged } = parts;
    this.#shared = { budget: new StreamBudget(), changes: new ChangedOutcomes(clock), onUnjudged };
  }

  /**
   * Judges the agents of a NetExporter, in slices.
   * @returns undefined if it is gone, or if the signal was aborted
   * @throws whatever judging throws. It is to be tried again
   */
  async judge(key: string, signal: AbortSignal): Promise<JudgeResult | undefined> {
    const fleet = this.#parts.fleetOf(key);
    const state = this.#stateOf(key, fleet?.agents);
    if (!fleet || !state) return undefined;
    const { clock } = this.#parts;
    const judging = state.judge.judge(fleet.resource);
    for (let end = clock.monotonic() + turnMs; ; ) {
      const step = judging.next();
      if (step.done) {
        state.latest = step.value;
        return { judged: step.value, isNews: state.shown.update(step.value, clock.monotonic()) };
      }
      if (clock.monotonic() < end) continue;
      await pause(clock, 0, signal);
      if (signal.aborted || this.#stateOf(key, this.#parts.fleetOf(key)?.agents) !== state) return undefined;
      end = clock.monotonic() + turnMs;
    }
  }

  /** What the status of a NetExporter shows; undefined before the first judgement, also of another one of its name. */
  shownOf(key: string): JudgedFleet | undefined {
    const known = this.#judges.get(key);
    return known?.judge.uid === this.#parts.fleetOf(key)?.agents.uid ? known?.shown.current : undefined;
  }

  /** What is known of a NetExporter's agents now; undefined if it is gone. */
  knownOf(key: string): KnownFleet | undefined {
    const fleet = this.#parts.fleetOf(key);
    if (!fleet) return undefined;
    const state = this.#judges.get(key);
    const known = state?.judge.uid === fleet.agents.uid ? state : undefined;
    return {
      ...fleet,
      dnsPods: () => this.#parts.dnsPodsOf(fleet.resource),
      latest: known?.latest,
      shown: known?.shown.current,
      evidence: known?.judge.evidence,
    };
  }

  /** The last judgements by key. */
  *latest(): Generator<[string, JudgedFleet]> {
    for (const [key, { latest }] of this.#judges) if (latest) yield [key, latest];
  }

  /** For how long the request of an agent is to be held at most, in milliseconds. */
  holdMsOf(podUid: string): number {
    return this.#shared.changes.has(podUid) ? changedHoldMs : holdMs;
  }

  #stateOf(key: string, agents: NetExporterFleet | undefined): Judged | undefined {
    const known = this.#judges.get(key);
    if (known && known.judge.uid === agents?.uid) return known;
    known?.judge.close();
    this.#judges.delete(key);
    if (!agents) return undefined;
    const judge = new FleetJudge(this.#parts.clock, agents, this.#parts, this.#shared);
    const state = { judge, shown: new ShownJudgement(), latest: undefined };
    this.#judges.set(key, state);
    return state;
  }
}
