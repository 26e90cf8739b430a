import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { AgentPod } from '../agents/agent-pod.ts';
import { RecentCrashes } from '../agents/recent-crashes.ts';
import { type StrandedAgent, strandedAgents } from '../agents/stranded-agents.ts';
import type { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import { currentTemplateOf } from '../kube/pod-template.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { type DaemonSetProgress, progressOf, remainingOf } from '../status/rollout.ts';
import { RolloutClock } from '../status/rollout-clock.ts';
import type { Findings } from '../status/status.ts';
import { PodRefusals } from './pod-refusals.ts';

export interface RolloutWatchParts {
  /** Lists Events. */
  client: Pick<ApiClient, 'list'>;
  /** With the indexes `owner`, `faulty`: those with a fault, by owner, and `node`. */
  pods: Pick<Store<AgentPod>, 'byIndex'>;
  /** With the index `unready`, which has one value. */
  nodes: Pick<Store<NodeFacts>, 'byIndex'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** The part of what a reconciliation found that is about the DaemonSet and its pods. */
export type RolloutFindings = Pick<Findings, 'daemonSet' | 'faults' | 'stranded' | 'unready' | 'refusal' | 'isOverdue'>;

/** Follows the agents of one NetExporter from one reconciliation to the next. */
export class RolloutWatch {
  readonly #parts: RolloutWatchParts;
  readonly #rollout = new RolloutClock();
  readonly #refusals: PodRefusals;
  readonly #crashes: RecentCrashes;
  readonly #reports = new LogDeduplicator();

  constructor(parts: RolloutWatchParts) {
    const { client, clock, random } = parts;
    this.#parts = parts;
    this.#refusals = new PodRefusals(client, clock, random);
    this.#crashes = new RecentCrashes(clock);
  }

  /**
   * What is known about the agents now.
   * @param daemonSet undefined if the NetExporter owns none
   */
  observe(resource: NetExporter, daemonSet: KubeObject | undefined): RolloutFindings {
    const { pods, nodes, clock } = this.#parts;
    const uid = daemonSet?.metadata.uid;
    const progress = daemonSet && progressOf(daemonSet);
    const owner = keyOf(resource);
    const unready = nodes.byIndex('unready', '');
    const idleMisscheduled = progress ? this.#idleMisscheduled(owner, uid!, progress) : 0;
    const stranded = daemonSet
      ? strandedAgents({ uid: uid!, template: currentTemplateOf(daemonSet), idleMisscheduled }, unready, (node) =>
          pods.byIndex('node', node),
        )
      : [];
    const now = clock.monotonic();
    const remaining = progress && remainingOf(progress, stranded);
    const rollout = remaining && { uid: uid!, generation: progress.generation, remaining };
    this.#rollout.observe(rollout, now, stalledOf(resource));
    if (this.#rollout.missingTooLongInMs(now) !== 0) this.#refusals.forget();
    return {
      daemonSet: progress,
      faults: this.#faults(owner, uid),
      stranded,
      unready: progress && remaining!.notReady > 0 ? this.#unready(owner, uid!, stranded) : [],
      refusal: this.#refusals.latest,
      isOverdue: this.#rollout.overdueInMs(now) === 0,
    };
  }

  /**
   * Finds out why pods are missing, if they have been for too long. To be called after `observe`. A failure is logged
   * and not thrown: the conditions then say what is known without it.
   */
  async findRefusal(daemonSet: KubeObject | undefined, log: Logger, signal: AbortSignal): Promise<void> {
    if (!daemonSet || this.#rollout.missingTooLongInMs(this.#parts.clock.monotonic()) !== 0) return;
    try {
      await this.#refusals.look(daemonSet, signal);
      this.#reports.forget('events');
    } catch (error) {
      if (!isApiError(error) || signal.aborted) throw error;
      const level = this.#reports.isNew('events', error.message) ? 'warn' : 'debug';
      log[level]({ err: error }, 'cannot read the Events of the DaemonSet, will retry');
    }
  }

  /** When what is known changes by the passage of time, in milliseconds; Infinity if it does not. */
  get requeueAfterMs(): number {
    const now = this.#parts.clock.monotonic();
    const missing = this.#rollout.missingTooLongInMs(now);
    const refusals = missing === 0 ? this.#refusals.dueInMs : missing;
    const times = [refusals, this.#rollout.overdueInMs(now) || undefined, this.#crashes.nextEndMs];
    return times.reduce<number>((a, b) => Math.min(a, b ?? Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
  }

  /**
   * How many nodes have a pod that is not ready and that the DaemonSet does not want. Those that are ready run on, for
   * example beside a taint NoSchedule that the node got later.
   */
  #idleMisscheduled(owner: string, uid: string, { misscheduled, ready }: DaemonSetProgress): number {
    if (misscheduled === 0) return 0;
    const pods = this.#parts.pods.byIndex('owner', owner);
    const readyNodes = new Set(pods.filter((pod) => pod.controller === uid && pod.ready).map(({ node }) => node));
    return Math.max(0, misscheduled - Math.max(0, readyNodes.size - ready));
  }

  /** `POD on NODE`, sorted, for each agent that is not ready although its node is. */
  #unready(owner: string, uid: string, stranded: readonly StrandedAgent[]): string[] {
    const unreadyNodes = new Set(stranded.map(({ node }) => node));
    return this.#parts.pods
      .byIndex('owner', owner)
      .filter((pod) => pod.controller === uid && !pod.ready && pod.node !== '' && !unreadyNodes.has(pod.node))
      .map(({ name, node }) => `${name} on ${node}`)
      .sort();
  }

  #faults(owner: string, daemonSet: string | undefined): Findings['faults'] {
    const faulty = this.#parts.pods
      .byIndex('faulty', owner)
      .filter(({ controller }) => controller !== undefined && controller === daemonSet);
    const crashed = faulty.flatMap(({ uid, fault }) =>
      fault?.crashedAt === undefined ? [] : [{ uid, crashedAt: fault.crashedAt }],
    );
    const recent = new Set(this.#crashes.select(crashed).map(({ uid }) => uid));
    return faulty
      .filter(({ uid, fault }) => fault!.crashedAt === undefined || recent.has(uid))
      .map(({ node, fault }) => ({ reason: fault!.reason, message: fault!.message, node }));
  }
}

/** The condition Stalled in the status, if it is about the current spec. */
function stalledOf({ metadata, status }: NetExporter) {
  return status?.conditions?.find(
    ({ type, observedGeneration }) => type === 'Stalled' && observedGeneration === metadata.generation,
  );
}
