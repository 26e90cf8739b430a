import type { Logger } from 'pino';
import { agentLeftovers, agentMonitor, agentNetwork, agentWorkload } from '../../../charts/agent/agent.ts';
import type { Clock } from '../../base/clock.ts';
import { agentNames, isPaused } from '../../contract/agent-names.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { AgentPod } from '../agents/agent-pod.ts';
import { clusterAddresses, settingsOf } from '../agents/settings-of.ts';
import type { AppliedKind } from '../apply/applier.ts';
import type { OptionalKind } from '../cache/optional-kind.ts';
import type { Store } from '../cache/store.ts';
import { saysNotServed } from '../kube/discovery.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import { ReportOnce } from '../log/report-once.ts';
import { type Findings, pausedStatusOf, progressOf, statusOf } from '../status/status.ts';
import { statusEvents } from '../status/status-events.ts';
import type { StatusWriter, WrittenStatus } from '../status/status-writer.ts';
import { type AgentsSync, syncAccessIn } from '../sync/agents-sync.ts';
import { type ChildFindings, findingsOf } from './child-findings.ts';
import { Children, type ChildrenParts, nameOf } from './children.ts';
import type { Reconcile, ReconcileResult } from './controller.ts';

/** What nobody tells us about: someone else's object that gets out of the way, a quota that is raised. */
const usualLookAgainMs = 30_000;

export interface ReconcileParts extends ChildrenParts {
  resources: Store<NetExporter>;
  podMonitors: AppliedKind & Pick<OptionalKind, 'available' | 'lost'>;
  /** With an index `faulty`: by owner, those with a fault. */
  pods: Store<AgentPod>;
  statusWriter: Pick<StatusWriter, 'write'>;
  /** The resolvers that pods have; left out where they are not known. */
  nameservers?: readonly string[] | undefined;
  clock: Clock;
  /** The image of agents whose spec names none. */
  agentImage: string;
  /** Undefined where this operator does not sync: the agents then have their ConfigMap alone. */
  sync: AgentsSync | undefined;
}

/** Makes the cluster hold what a NetExporter says, and its status say what the cluster holds. */
export function netExporterReconcile(parts: ReconcileParts): Reconcile {
  /** By resource: what has been told about its objects. */
  const told = new Map<string, ReportOnce>();
  return async (key, { log, signal }) => {
    const resource = parts.resources.get(key);
    // Under deletion: the garbage collector takes the children, and must not find new ones.
    if (!resource || resource.metadata.deletionTimestamp) {
      told.delete(key);
      return {};
    }
    const reports = told.get(key) ?? new ReportOnce();
    told.set(key, reports);
    return new Pass(parts, resource, new Children(parts, resource, reports, log, signal), log).run();
  };
}

/** One reconcile of one resource. */
class Pass {
  readonly #parts: ReconcileParts;
  readonly #resource: NetExporter;
  readonly #children: Children;
  readonly #log: Logger;

  constructor(parts: ReconcileParts, resource: NetExporter, children: Children, log: Logger) {
    this.#parts = parts;
    this.#resource = resource;
    this.#children = children;
    this.#log = log;
  }

  async run(): Promise<ReconcileResult> {
    const { name } = this.#resource.metadata;
    if (isPaused(this.#resource)) return this.#tellPaused();
    this.#parts.sync?.plan(this.#resource);
    const podMonitor = await this.#applyMonitor();
    const syncAccess = this.#syncAccess();
    const { nameservers } = this.#parts;
    for (const object of agentNetwork(this.#resource, { podMonitor, nameservers, syncAccess }))
      await this.#children.apply(object);
    const addresses = clusterAddresses(this.#children.present(`Service ${agentNames(name).agent}`));
    const image = this.#resource.spec.agent.image || this.#parts.agentImage;
    const settings = settingsOf(this.#resource, addresses);
    // Before the ConfigMap, which reaches the agents later anyway.
    this.#parts.sync?.settle(keyOf(this.#resource), settings);
    for (const object of agentWorkload(this.#resource, { image, settings, syncAccess }))
      await this.#children.apply(object);
    for (const leftover of agentLeftovers(this.#resource)) await this.#children.remove(leftover);
    const findings = findingsOf(this.#children.outcomes);
    this.#tellChanges(findings.changes);
    this.#writeStatus(this.#children.present(`DaemonSet ${agentNames(name).agent}`), findings);
    return this.#resultOf(findings);
  }

  #resultOf({ failure, obstacles, waitingFor, lookAgainMs }: ChildFindings): ReconcileResult {
    if (failure) throw failure;
    const isHindered = obstacles.length + waitingFor.length > 0;
    const requeueAfterMs = Math.min(lookAgainMs, isHindered ? usualLookAgainMs : Infinity);
    return requeueAfterMs === Infinity ? {} : { requeueAfterMs };
  }

  /** Nothing is changed; what becomes of the agents is still counted. */
  #tellPaused(): ReconcileResult {
    const { agent } = agentNames(this.#resource.metadata.name);
    const daemonSets = this.#children.kind({ apiVersion: 'apps/v1', kind: 'DaemonSet' });
    this.#writeStatus(this.#children.watched(daemonSets, agent), findingsOf([]), pausedStatusOf);
    return {};
  }

  /** @returns whether a PodMonitor of ours tells how the agents are scraped */
  async #applyMonitor(): Promise<boolean> {
    const { podMonitors } = this.#parts;
    if (!podMonitors.available) return false;
    for (const object of agentMonitor(this.#resource)) {
      try {
        await this.#children.apply(object, saysNotServed);
      } catch (error) {
        if (!saysNotServed(error)) throw error;
        podMonitors.lost();
        return false;
      }
      if (this.#children.present(nameOf(object))) return true;
    }
    // Also one that is still to be removed: with annotations beside it each agent would be scraped twice.
    return this.#children.watched(podMonitors, agentNames(this.#resource.metadata.name).agent) !== undefined;
  }

  /** While nobody knows how agents reach the operator, what they were told stays: it may still be so. */
  #syncAccess(): SyncAccess | undefined {
    const { sync } = this.#parts;
    if (!sync) return undefined;
    const { namespace, name } = this.#resource.metadata;
    const key = keyOf({ metadata: { namespace, name: agentNames(name).agent } });
    const told = this.#children.kind({ apiVersion: 'v1', kind: 'ConfigMap' }).store.get(key);
    return sync.access() ?? syncAccessIn(told);
  }

  #tellChanges(changes: readonly string[]): void {
    if (changes.length === 0) return;
    const note = changes.join(', ');
    this.#parts.events.record({ type: 'Normal', reason: 'Applied', action: 'Apply', note }, this.#resource);
  }

  #writeStatus(
    daemonSet: KubeObject | undefined,
    { obstacles, waitingFor }: ChildFindings,
    verdict: typeof statusOf = statusOf,
  ): void {
    const findings: Findings = {
      generation: this.#resource.metadata.generation,
      obstacles,
      waitingFor,
      daemonSet: daemonSet && progressOf(daemonSet),
      faults: this.#faults(daemonSet?.metadata.uid),
      propagation: this.#parts.sync?.findingOf(keyOf(this.#resource)),
    };
    this.#parts.statusWriter.write({
      resource: this.#resource,
      compute: (previous) => verdict(findings, previous, this.#parts.clock.wall()),
      written: (status) => this.#tellStatus(status),
      log: this.#log,
    });
  }

  #tellStatus(written: WrittenStatus): void {
    for (const event of statusEvents(written)) this.#parts.events.record(event, this.#resource);
    const ready = written.after.conditions?.find(({ type }) => type === 'Ready');
    this.#log.info(
      { agents: written.after.agents?.summary, ready: ready?.status, reason: ready?.reason },
      'status changed',
    );
  }

  #faults(daemonSet: string | undefined): Findings['faults'] {
    return this.#parts.pods
      .byIndex('faulty', keyOf(this.#resource))
      .filter(({ controller }) => controller !== undefined && controller === daemonSet)
      .map(({ node, fault }) => ({ ...fault!, node }));
  }
}
