import type { Logger } from 'pino';
import { agentLeftovers, agentNetwork, agentWorkload, podReferences } from '../../../charts/agent/agent.ts';
import { dnsPortsIn } from '../../../charts/agent/agent-network-policy.ts';
import { shortened } from '../../base/bounded-text.ts';
import { errorText } from '../../base/error-text.ts';
import { withoutSecrets } from '../../base/redaction.ts';
import { agentNames, isPaused, pausedAnnotation } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { limitsEgress, type NetExporter } from '../../crd/net-exporter.ts';
import { ProtocolError } from '../../protocol/document.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import { clusterAddresses, settingsOf } from '../agents/settings-of.ts';
import { withinLimits } from '../agents/within-limits.ts';
import { type LeftOutField, leftOutOf, maxSpecBytes } from '../cache/kept-net-exporter.ts';
import type { Store } from '../cache/store.ts';
import { isApiError } from '../kube/api-error.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import { type Findings, heldStatusOf, type Obstacle, pausedStatusOf, statusOf } from '../status/status.ts';
import type { StatusWriter } from '../status/status-writer.ts';
import { asSentence, maxCauseLength, withPeriod } from '../status/wording.ts';
import { type AgentsSync, syncAccessIn } from '../sync/agents-sync.ts';
import { type ChildFindings, findingsOf } from './child-findings.ts';
import { Children, type ChildrenParts } from './children.ts';
import type { Reconcile, ReconcileResult } from './controller.ts';
import { type MonitoringKinds, MonitoringObjects } from './monitoring-objects.ts';
import { ReconcileHistories, type ReconcileHistory } from './reconcile-history.ts';
import type { RolloutWatchParts } from './rollout-watch.ts';

/**
 * Requeue interval for problems that end without a watch event, such as a conflicting object being deleted or a quota
 * being raised.
 */
const obstacleRequeueMs = 30_000;

/** Ports of earlier templates that the NetworkPolicy still allows. More than one change at a time is rare. */
const maxFormerPorts = 4;

export interface ReconcileParts extends Omit<ChildrenParts, keyof MonitoringKinds>, MonitoringKinds, RolloutWatchParts {
  resources: Store<NetExporter>;
  statusWriter: Pick<StatusWriter, 'write'>;
  /** The resolvers that pods use; absent if unknown. */
  nameservers?: readonly string[] | undefined;
  /** The image of agents whose spec names none. */
  agentImage: string;
  /** Undefined if this operator does not sync: agents then use only their ConfigMap. */
  sync: AgentsSync | undefined;
}

/** Finalizers of the garbage collector, for foreground deletion and for orphans. */
const collectorFinalizers = ['foregroundDeletion', 'orphan'];

/** Creates the reconciler: applies the objects that a NetExporter declares, and writes its status. */
export function netExporterReconcile(parts: ReconcileParts): Reconcile {
  const histories = new ReconcileHistories(parts);
  return async (key, { log, signal }) => {
    const resource = parts.resources.get(key);
    if (!resource) {
      histories.forget(key);
      return {};
    }
    const history = histories.of(key, resource);
    history.statusReports.begin(resource, parts.clock.wall());
    const children = new Children(parts, resource, history.children, log, signal);
    return new Reconciliation(parts, resource, { children, history, log }).run(signal);
  };
}

/** One reconciliation of one NetExporter. */
class Reconciliation {
  readonly #parts: ReconcileParts;
  readonly #resource: NetExporter;
  readonly #children: Children;
  readonly #monitoring: MonitoringObjects;
  readonly #log: Logger;
  readonly #history: ReconcileHistory;

  constructor(
    parts: ReconcileParts,
    resource: NetExporter,
    { children, history, log }: { children: Children; history: ReconcileHistory; log: Logger },
  ) {
    this.#parts = parts;
    this.#resource = resource;
    this.#children = children;
    this.#monitoring = new MonitoringObjects(parts, resource, children);
    this.#history = history;
    this.#log = log;
  }

  async run(signal: AbortSignal): Promise<ReconcileResult> {
    if (this.#resource.metadata.deletionTimestamp) return this.#reportDeletion();
    if (isPaused(this.#resource)) return this.#reportPaused(signal);
    if (leftOutOf(this.#resource).length > 0) return this.#reportTooLarge();
    this.#children.onTimeout(() => this.#reportTimeout());
    try {
      await this.#applyAll();
    } catch (error) {
      this.#reportFailure(error);
      throw error;
    }
    const findings = this.#findings();
    this.#reportChanges(findings.changes);
    await this.#findRefusal(signal);
    this.#writeStatus(findings);
    return this.#resultOf(findings);
  }

  async #applyAll(): Promise<void> {
    const { name } = this.#resource.metadata;
    this.#parts.sync?.plan(this.#resource);
    const podMonitor = await this.#monitoring.applyMonitor();
    const syncAccess = this.#syncAccess();
    const { nameservers } = this.#parts;
    const formerPorts = this.#formerPorts();
    const dnsPorts = this.#dnsPorts();
    for (const object of agentNetwork(this.#resource, { podMonitor, nameservers, syncAccess, formerPorts, dnsPorts }))
      await this.#children.apply(object);
    const addresses = clusterAddresses(this.#children.present(`Service ${agentNames(name).agent}`));
    const image = this.#resource.spec.agent.image || this.#parts.agentImage;
    const { dns } = this.#resource.spec;
    const { settings, exceeded } = withinLimits(settingsOf(this.#resource, addresses), dns.endpointsPerAgent);
    this.#history.exceeded = exceeded;
    // Before the ConfigMap, which agents receive later anyway.
    this.#parts.sync?.settle(keyOf(this.#resource), settings);
    for (const object of agentWorkload(this.#resource, { image, settings, syncAccess })) {
      const lacking = podReferences(object).filter((what) => !this.#children.present(what));
      if (lacking.length > 0) this.#children.withhold(object, lacking);
      else await this.#children.apply(object);
    }
    await this.#monitoring.applyRules();
    for (const leftover of agentLeftovers(this.#resource))
      if (!this.#isNeeded(leftover)) await this.#children.remove(leftover);
  }

  /** Ports on which agents listen whose template had another one, while a change of it rolls out; the first few. */
  #formerPorts(): number[] {
    const daemonSet = this.#daemonSet()?.metadata.uid;
    const ports = this.#parts.pods
      .byIndex('owner', keyOf(this.#resource))
      .flatMap(({ controller, port }) => (controller !== undefined && controller === daemonSet ? (port ?? []) : []));
    return [...new Set(ports)]
      .filter((port) => port !== this.#resource.spec.agent.port)
      .sort((a, b) => a - b)
      .slice(0, maxFormerPorts);
  }

  /** While they are unknown, as after a change of the leader, the NetworkPolicy keeps those that it has. */
  #dnsPorts(): number[] | undefined {
    const { sync } = this.#parts;
    if (!sync || !limitsEgress(this.#resource.spec)) return undefined;
    const policies = this.#children.kind({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' });
    const policy = this.#children.watched(policies, agentNames(this.#resource.metadata.name).agent);
    return sync.dnsPortsOf(this.#resource) ?? (policy && dnsPortsIn(policy, this.#resource.spec.dns.service.namespace));
  }

  /** Whether an object must not be deleted yet although the spec no longer asks for it. */
  #isNeeded({ kind }: { kind: string }): boolean {
    if (kind !== apiUses.services.kind) return this.#monitoring.isUnknown(kind);
    // Agents that do not have the current settings yet still dial the Service. Their next report requeues this key, and
    // so does the end of an obstacle. Without sync, the operator does not know what agents dial.
    const finding = this.#parts.sync?.findingOf(keyOf(this.#resource));
    if (finding === undefined) return false;
    if (typeof finding === 'string' || !('configured' in finding)) return true;
    return finding.unheard > 0 || finding.configured < finding.reporting;
  }

  /** Writes why the reconciliation ended early into the status, unless the next attempt probably does not. */
  #reportFailure(error: unknown): void {
    const findings = this.#findings();
    if (!isApiError(error)) findings.obstacles.push(obstacleOf(error));
    if (findings.obstacles.length > 0) this.#writeStatus(findings);
  }

  #findings(): ChildFindings {
    return findingsOf(this.#children.outcomes, this.#resource.metadata.namespace);
  }

  #resultOf({ failure, obstacles, waitingFor, requeueAfterMs }: ChildFindings): ReconcileResult {
    if (failure) throw failure;
    const isBlocked = obstacles.length + waitingFor.length > 0;
    const obstaclesMs = isBlocked ? obstacleRequeueMs : Infinity;
    const { rollout } = this.#history;
    const earliestMs = Math.min(
      ...[requeueAfterMs, obstaclesMs, rollout.requeueAfterMs, this.#monitoring.requeueAfterMs],
    );
    return earliestMs === Infinity ? {} : { requeueAfterMs: earliestMs };
  }

  /** Changes nothing but the status, which still counts the agents. */
  async #reportPaused(signal: AbortSignal): Promise<ReconcileResult> {
    await this.#findRefusal(signal);
    const findings = findingsOf([], '');
    this.#writeStatus(findings, pausedStatusOf);
    return this.#resultOf(findings);
  }

  async #findRefusal(signal: AbortSignal): Promise<void> {
    const daemonSet = this.#daemonSet();
    this.#history.rollout.observe(this.#resource, daemonSet);
    await this.#history.rollout.findRefusal(daemonSet, this.#log, signal);
  }

  /** Changes nothing but the status and the targets, which do not depend on what was left out of the spec. */
  #reportTooLarge(): ReconcileResult {
    this.#parts.sync?.plan(this.#resource);
    const findings = findingsOf([], '');
    findings.obstacles.push({ reason: 'InvalidSpec', message: tooLargeMessage(leftOutOf(this.#resource)) });
    this.#writeStatus(findings);
    return {};
  }

  /**
   * Under deletion, nothing may be created: the garbage collector deletes the children. It begins only once finalizers
   * of others are removed, so the status says who is waited for. The garbage collector's own end within moments.
   */
  #reportDeletion(): ReconcileResult {
    const { finalizers = [] } = this.#resource.metadata;
    const foreign = finalizers.filter((finalizer) => !collectorFinalizers.includes(finalizer));
    if (foreign.length > 0)
      this.#writeStatus(findingsOf([], ''), (findings, previous, now) =>
        heldStatusOf(foreign, findings, previous, now),
      );
    return {};
  }

  /** Undefined if the NetExporter owns none, or it is being deleted. */
  #daemonSet(): KubeObject | undefined {
    const { agent } = agentNames(this.#resource.metadata.name);
    const what = `DaemonSet ${agent}`;
    // Not reached: this reconciliation neither applied nor withheld it.
    const isReached = this.#children.outcomes.some((outcome) => outcome.what === what);
    if (isReached) return this.#children.present(what);
    return this.#children.watched(this.#children.kind({ apiVersion: 'apps/v1', kind: 'DaemonSet' }), agent);
  }

  /** Writes the first timeout into the status now: with more of them, this reconciliation may take a minute. */
  #reportTimeout(): void {
    const conditions = this.#resource.status?.conditions ?? [];
    if (conditions.some(({ reason }) => reason === 'WriteTimedOut')) return;
    this.#writeStatus(this.#findings());
  }

  /** What the status says although nothing is wrong. */
  #notices(): string[] {
    return [...pauseNotices(this.#resource), ...this.#monitoring.notices()];
  }

  /** While it is unknown how agents reach the operator, the ConfigMap keeps what it has, which may still be right. */
  #syncAccess(): SyncAccess | undefined {
    const { sync } = this.#parts;
    if (!sync) return undefined;
    const { namespace, name } = this.#resource.metadata;
    const key = keyOf({ metadata: { namespace, name: agentNames(name).agent } });
    const configMap = this.#children.kind({ apiVersion: 'v1', kind: 'ConfigMap' }).store.get(key);
    return sync.access() ?? syncAccessIn(configMap);
  }

  /** The limits that the spec exceeds by which agents probe now, also if this process has not applied it. */
  #exceeded(): readonly string[] {
    const { metadata, spec, status } = this.#resource;
    if (this.#history.exceeded) return this.#history.exceeded;
    if (metadata.generation !== status?.observedGeneration) return [];
    const services = this.#children.kind({ apiVersion: 'v1', kind: 'Service' });
    const addresses = clusterAddresses(this.#children.watched(services, agentNames(metadata.name).agent));
    try {
      return withinLimits(settingsOf(this.#resource, addresses), spec.dns.endpointsPerAgent).exceeded;
    } catch (error) {
      // It cannot have been applied.
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  }

  #reportChanges(changes: readonly string[]): void {
    if (changes.length === 0) return;
    const note = asSentence(changes.join(', '));
    this.#parts.events.record({ type: 'Normal', reason: 'Applied', action: 'Apply', note }, this.#resource);
  }

  #writeStatus({ obstacles, waitingFor }: ChildFindings, computeStatus: typeof statusOf = statusOf): void {
    const findings: Findings = {
      ...this.#history.rollout.observe(this.#resource, this.#daemonSet()),
      generation: this.#resource.metadata.generation,
      obstacles,
      waitingFor,
      notices: this.#notices(),
      propagation: this.#parts.sync?.findingOf(keyOf(this.#resource)),
      exceeded: this.#exceeded(),
      judged: this.#parts.sync?.judgedOf(keyOf(this.#resource)),
    };
    this.#parts.statusWriter.write({
      resource: this.#resource,
      compute: (previous) => computeStatus(findings, previous, this.#parts.clock.wall()),
      written: (status) => this.#history.statusReports.report(this.#resource, status, findings, this.#log),
      log: this.#log,
    });
  }
}

/** @returns a full sentence about an annotation that pauses nothing */
function pauseNotices({ metadata: { annotations = {} } }: NetExporter): string[] {
  const value = annotations[pausedAnnotation];
  if (value === undefined || value === 'true' || value === 'false') return [];
  return [`The annotation ${pausedAnnotation} is "${value}", which does not pause the operator; only "true" does.`];
}

function tooLargeMessage(fields: readonly LeftOutField[]): string {
  const kib = (bytes: number) => `${Math.ceil(bytes / 1024)} KiB`;
  const named = fields.map(({ path, bytes }) => `${path} takes ${kib(bytes)} of memory`).join(', ');
  const limit = `the limit for the whole spec is ${kib(maxSpecBytes)}`;
  return `Cannot use the spec: ${named}; ${limit}. The agents stay as they are. Shorten the field.`;
}

/** Why a reconciliation failed that no answer of the API server ended. */
function obstacleOf(error: unknown): Obstacle {
  if (error instanceof ProtocolError)
    return { reason: 'InvalidSpec', message: `Cannot use the spec: ${withPeriod(error.message)} Correct the spec.` };
  const cause = withPeriod(shortened(withoutSecrets(errorText(error)), maxCauseLength));
  const advice = 'Revert the last edit, and report this fault with the log of the operator. The operator retries.';
  return { reason: 'ReconcileFailed', message: `The operator failed to reconcile: ${cause} ${advice}` };
}
