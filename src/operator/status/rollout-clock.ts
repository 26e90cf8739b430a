import type { Condition } from '../../crd/net-exporter.ts';
import type { Remaining } from './rollout.ts';

/** A rollout without progress for so long is Stalled: the default `progressDeadlineSeconds` of Deployments. */
export const progressDeadlineMs = 600_000;

/** Pods that are missing for so long may be refused. Kubernetes needs less to create them all in most clusters. */
export const missingToleranceMs = 60_000;

/** Which rollout it is, and how far it is. */
export interface RolloutState {
  /** Of the DaemonSet: another one, or another spec, is another rollout. */
  uid: string;
  generation: number;
  remaining: Remaining;
}

/**
 * What a rollout waits for. observation: for the DaemonSet controller. replacement: of pods of an older template.
 * readiness: of agents, those without a pod included.
 */
type Stage = 'observation' | 'replacement' | 'readiness';

/**
 * For how long a DaemonSet's pods have been missing, and its rollout has made no progress, by the monotonic clock.
 *
 * Progress is the next stage, fewer pods to replace than ever before, or, in the last stage, an agent more that is
 * ready or has a pod, as in Deployments: in a large cluster that grows and shrinks, some agent is always new.
 *
 * A new leader measures from when it first sees the rollout. What the leader before it found to be stalled stays so
 * until there is progress.
 */
export class RolloutClock {
  #rollout = '';
  #stage: Stage | undefined;
  /** In the last stage what remained last, and before the least that ever remained. */
  #before: Remaining | undefined;
  #since = 0;
  #missingSince: number | undefined;

  /**
   * @param rollout undefined if there is no DaemonSet
   * @param now monotonic milliseconds
   * @param stalled the condition of the current generation in the status, which a new leader takes over
   */
  observe(rollout: RolloutState | undefined, now: number, stalled?: Pick<Condition, 'status' | 'reason'>): void {
    const identity = rollout && `${rollout.uid}/${rollout.generation}`;
    const inherited = this.#rollout === '' && stalled?.status === 'True' ? stalled.reason : undefined;
    if (!rollout || this.#rollout !== identity) this.#reset();
    if (!rollout) return;
    this.#rollout = identity!;
    const { remaining } = rollout;
    const stage = stageOf(remaining);
    if (stage !== this.#stage || (this.#before && hasAdvanced(stage, remaining, this.#before))) {
      this.#since = inherited === 'ProgressDeadlineExceeded' ? now - progressDeadlineMs : now;
      this.#before = remaining;
    } else if (stage === 'readiness') this.#before = remaining;
    this.#stage = stage;
    if (remaining.unobserved > 0 || remaining.missing === 0) this.#missingSince = undefined;
    else this.#missingSince ??= inherited === 'PodsRefused' ? now - missingToleranceMs : now;
  }

  /** In how many milliseconds the rollout is overdue without progress; undefined if it is complete. */
  overdueInMs(now: number): number | undefined {
    return this.#stage && Math.max(0, this.#since + progressDeadlineMs - now);
  }

  /** In how many milliseconds pods have been missing for too long; undefined if none is. */
  missingTooLongInMs(now: number): number | undefined {
    return this.#missingSince === undefined ? undefined : Math.max(0, this.#missingSince + missingToleranceMs - now);
  }

  #reset(): void {
    this.#stage = undefined;
    this.#before = undefined;
    this.#missingSince = undefined;
  }
}

/** Undefined if nothing remains. */
function stageOf({ unobserved, missing, outdated, notReady }: Remaining): Stage | undefined {
  if (unobserved > 0) return 'observation';
  if (outdated > 0) return 'replacement';
  return missing + notReady > 0 ? 'readiness' : undefined;
}

function hasAdvanced(stage: Stage | undefined, remaining: Remaining, before: Remaining): boolean {
  if (stage === 'replacement') return remaining.outdated < before.outdated;
  return stage === 'readiness' && (remaining.missing < before.missing || remaining.notReady < before.notReady);
}
