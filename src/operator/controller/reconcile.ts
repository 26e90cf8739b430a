import type { Logger } from 'pino';
import {
  agentLeftovers,
  agentMonitor,
  agentNetwork,
  agentWorkload,
  type ManifestObject,
} from '../../../charts/agent/agent.ts';
import type { Clock } from '../../base/clock.ts';
import { agentNames, isPaused } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { group, type NetExporter } from '../../crd/net-exporter.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { AgentPod } from '../agents/agent-pod.ts';
import { clusterAddresses, settingsOf } from '../agents/settings-of.ts';
import type { AppliedKind, Applier, ApplyResult } from '../apply/applier.ts';
import type { Owner } from '../apply/declared-object.ts';
import type { Contest } from '../apply/rivalry.ts';
import type { OptionalKind } from '../cache/optional-kind.ts';
import type { Store } from '../cache/store.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import { type ApiError, type ApiErrorCode, isApiError, isTransient } from '../kube/api-error.ts';
import { saysNotServed } from '../kube/discovery.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import { ReportOnce } from '../log/report-once.ts';
import { type Findings, pausedStatusOf, progressOf, statusOf } from '../status/status.ts';
import { statusEvents } from '../status/status-events.ts';
import type { StatusWriter, WrittenStatus } from '../status/status-writer.ts';
import { contestMessage } from '../status/wording.ts';
import { type AgentsSync, syncAccessIn } from '../sync/agents-sync.ts';
import type { Reconcile, ReconcileResult } from './controller.ts';

/** What nobody tells us about: someone else's object that gets out of the way, a quota that is raised. */
const lookAgainMs = 30_000;

/** What the API server says when an object came, went or changed since we saw it. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict', 'NotFound'];

export interface ReconcileParts {
  resources: Store<NetExporter>;
  /** By apiVersion and kind. */
  kinds: Map<string, AppliedKind>;
  podMonitors: AppliedKind & Pick<OptionalKind, 'available' | 'lost'>;
  /** With an index `faulty`: by owner, those with a fault. */
  pods: Store<AgentPod>;
  applier: Pick<Applier, 'apply' | 'remove'>;
  statusWriter: Pick<StatusWriter, 'write'>;
  events: Pick<EventRecorder, 'record'>;
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
    return new Pass(parts, resource, reports, log, signal).run();
  };
}

/** One reconcile of one resource. */
class Pass {
  readonly #parts: ReconcileParts;
  readonly #resource: NetExporter;
  /** About its objects. */
  readonly #reports: ReportOnce;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #obstacles: Findings['obstacles'] = [];
  readonly #waitingFor: string[] = [];
  /** By kind and name: the objects of ours that are there, also those that could not be changed. */
  readonly #present = new Map<string, KubeObject>();
  readonly #changes: string[] = [];
  #failure: ApiError | undefined;
  /** When there is something to do although nobody tells us; `lookAgainMs` at most. */
  #lookAgainMs = Infinity;

  constructor(parts: ReconcileParts, resource: NetExporter, reports: ReportOnce, log: Logger, signal: AbortSignal) {
    this.#parts = parts;
    this.#resource = resource;
    this.#reports = reports;
    this.#log = log;
    this.#signal = signal;
  }

  async run(): Promise<ReconcileResult> {
    const { name } = this.#resource.metadata;
    if (isPaused(this.#resource)) return this.#tellPaused();
    this.#parts.sync?.plan(this.#resource);
    const podMonitor = await this.#applyMonitor();
    const syncAccess = this.#syncAccess();
    const { nameservers } = this.#parts;
    for (const object of agentNetwork(this.#resource, { podMonitor, nameservers, syncAccess }))
      await this.#apply(object);
    const addresses = clusterAddresses(this.#present.get(`Service ${agentNames(name).agent}`));
    const image = this.#resource.spec.agent.image || this.#parts.agentImage;
    const settings = settingsOf(this.#resource, addresses);
    // Before the ConfigMap, which reaches the agents later anyway.
    this.#parts.sync?.settle(keyOf(this.#resource), settings);
    for (const object of agentWorkload(this.#resource, { image, settings, syncAccess })) await this.#apply(object);
    await this.#removeLeftovers();
    this.#tellChanges();
    this.#writeStatus();
    if (this.#failure) throw this.#failure;
    if (this.#obstacles.length + this.#waitingFor.length > 0)
      this.#lookAgainMs = Math.min(this.#lookAgainMs, lookAgainMs);
    return this.#lookAgainMs === Infinity ? {} : { requeueAfterMs: this.#lookAgainMs };
  }

  /** Nothing is changed; what becomes of the agents is still counted. */
  #tellPaused(): ReconcileResult {
    const { agent } = agentNames(this.#resource.metadata.name);
    this.#writeStatus(this.#watched(this.#kind({ apiVersion: 'apps/v1', kind: 'DaemonSet' }), agent), pausedStatusOf);
    return {};
  }

  /** @returns whether a PodMonitor of ours tells how the agents are scraped */
  async #applyMonitor(): Promise<boolean> {
    const { podMonitors } = this.#parts;
    if (!podMonitors.available) return false;
    for (const object of agentMonitor(this.#resource)) {
      try {
        await this.#apply(object, saysNotServed);
      } catch (error) {
        if (!saysNotServed(error)) throw error;
        podMonitors.lost();
        return false;
      }
      if (this.#present.has(nameOf(object))) return true;
    }
    // Also one that is still to be removed: with annotations beside it each agent would be scraped twice.
    return this.#watched(podMonitors, agentNames(this.#resource.metadata.name).agent) !== undefined;
  }

  /**
   * Applies one object. What hinders it is noted and does not keep the others from being applied.
   * @param passOn the errors that the caller takes care of
   */
  async #apply(object: ManifestObject, passOn: (error: unknown) => boolean = () => false): Promise<void> {
    const what = nameOf(object);
    try {
      this.#note(what, await this.#parts.applier.apply(object, this.#kind(object), this.#owner, this.#signal));
      this.#reports.forget(what);
    } catch (error) {
      if (passOn(error)) throw error;
      this.#hindered(what, error);
      // It is there all the same: what follows from it, such as the Service's address, is not to go.
      const watched = this.#watched(this.#kind(object), object.metadata.name);
      if (watched) this.#present.set(what, watched);
    }
  }

  /** While nobody knows how agents reach the operator, what they were told stays: it may still be so. */
  #syncAccess(): SyncAccess | undefined {
    const { sync } = this.#parts;
    if (!sync) return undefined;
    const { namespace, name } = this.#resource.metadata;
    const key = keyOf({ metadata: { namespace, name: agentNames(name).agent } });
    const told = this.#kind({ apiVersion: 'v1', kind: 'ConfigMap' }).store.get(key);
    return sync.access() ?? syncAccessIn(told);
  }

  async #removeLeftovers(): Promise<void> {
    const { namespace } = this.#resource.metadata;
    for (const leftover of agentLeftovers(this.#resource)) {
      const what = `${leftover.kind} ${leftover.name}`;
      try {
        const key = keyOf({ metadata: { namespace, name: leftover.name } });
        if (await this.#parts.applier.remove(key, this.#kind(leftover), this.#owner, this.#signal))
          this.#changed('deleted', what);
        this.#reports.forget(what);
      } catch (error) {
        this.#hindered(what, error);
      }
    }
  }

  #note(what: string, result: ApplyResult): void {
    if (result.action === 'left') {
      this.#obstacles.push({ reason: 'ObjectNotOurs', message: `${what}: ${result.why}; rename or delete it` });
      return;
    }
    if (result.action === 'waiting') {
      this.#waitingFor.push(`${what}: ${result.why}`);
      return;
    }
    if (result.action === 'replacing') {
      this.#waitingFor.push(`${what}: is being created anew, since nobody can change ${result.field}`);
      if (result.deleted) this.#tellReplaced(what, result.field);
      return;
    }
    this.#present.set(what, result.object);
    if (result.action === 'created') this.#changed('created', what);
    else if (result.contest) this.#contested(what, result.contest);
    else if (result.action === 'updated') this.#changed('updated', what, result.drift);
  }

  #tellReplaced(what: string, field: string): void {
    this.#log.info({ object: what, field }, 'deleted an object to create it anew');
    const note = `deleted ${what} to create it anew: nobody can change ${field}`;
    this.#parts.events.record({ type: 'Normal', reason: 'Replaced', action: 'Apply', note }, this.#resource);
  }

  #contested(what: string, contest: Contest): void {
    this.#obstacles.push({ reason: 'FieldsContested', message: contestMessage(what, contest) });
    this.#lookAgainMs = Math.min(this.#lookAgainMs, contest.lookAgainMs);
    this.#log.debug({ object: what, ...contest }, 'someone keeps changing an object');
  }

  #changed(verb: string, what: string, drift?: string[]): void {
    this.#log.info({ object: what, ...(drift && { drift: drift.slice(0, 10) }) }, `${verb} an object`);
    this.#changes.push(`${verb} ${what}`);
  }

  /** @throws what leaves nothing to report, since the API server is out of reach or what we saw is out of date */
  #hindered(what: string, error: unknown): void {
    if (!isApiError(error) || error.status === undefined || outdated.includes(error.code)) throw error;
    const reason = isTransient(error) ? 'ApplyFailed' : 'ApplyRejected';
    // Once for each reason: the conditions tell it for as long as it is so.
    if (this.#reports.isNew(what, String(error)))
      this.#log.warn({ object: what, err: error }, 'an object could not be applied');
    else this.#log.debug({ object: what, err: error }, 'an object could not be applied again');
    this.#obstacles.push({ reason, message: `${what}: ${error.message}` });
    if (reason === 'ApplyFailed') this.#failure = error;
  }

  #tellChanges(): void {
    if (this.#changes.length === 0) return;
    const note = this.#changes.join(', ');
    this.#parts.events.record({ type: 'Normal', reason: 'Applied', action: 'Apply', note }, this.#resource);
  }

  #writeStatus(
    daemonSet = this.#present.get(`DaemonSet ${agentNames(this.#resource.metadata.name).agent}`),
    verdict = statusOf,
  ): void {
    const findings: Findings = {
      generation: this.#resource.metadata.generation,
      obstacles: this.#obstacles,
      waitingFor: this.#waitingFor,
      daemonSet: daemonSet && progressOf(daemonSet),
      faults: this.#faults(daemonSet?.metadata.uid),
      propagation: this.#parts.sync?.findingOf(keyOf(this.#resource)),
    };
    this.#parts.statusWriter.write({
      resource: this.#resource,
      compute: (previous) => verdict(findings, previous, this.#parts.clock.now()),
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

  /**
   * An object as the watch shows it, where it is ours. What a deleted NetExporter of the same name has left is not, until it is
   * taken over: the garbage collector may take it at any time.
   */
  #watched({ store }: AppliedKind, name: string): KubeObject | undefined {
    const { namespace, uid } = this.#resource.metadata;
    const watched = store.get(keyOf({ metadata: { namespace, name } }));
    return watched && controllerOf(watched)?.uid === uid ? watched : undefined;
  }

  #kind({ apiVersion, kind }: { apiVersion: string; kind: string }): AppliedKind {
    if (kind === apiUses.podMonitors.kind) return this.#parts.podMonitors;
    return this.#parts.kinds.get(`${apiVersion} ${kind}`)!;
  }

  get #owner(): Owner {
    const { kind, metadata } = this.#resource;
    return { group, kind, name: metadata.name, uid: metadata.uid };
  }
}

function nameOf({ kind, metadata }: ManifestObject): string {
  return `${kind} ${metadata.name}`;
}
