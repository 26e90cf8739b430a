import { agentMonitor, agentRules, type ManifestObject } from '../../../charts/agent/agent.ts';
import { agentNames, scrapeAnnotation } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { type AppliedKind, droppedRetryMs } from '../apply/applier.ts';
import { differencesOf } from '../apply/drift.ts';
import { isPartial } from '../cache/child-object.ts';
import type { OptionalApi } from '../cache/optional-api.ts';
import { saysNotServed } from '../kube/discovery.ts';
import { withPeriod } from '../status/wording.ts';
import { type Children, nameOf } from './children.ts';

/** A kind of children that the cluster may serve or not. */
export type OptionalKind = AppliedKind & Pick<OptionalApi, 'available' | 'isAbsent' | 'denial' | 'lost'>;

export interface MonitoringKinds {
  podMonitors: OptionalKind;
  prometheusRules: OptionalKind;
}

/** The objects of a NetExporter that the Prometheus operator reads, in one reconciliation. */
export class MonitoringObjects {
  readonly #kinds: MonitoringKinds;
  readonly #resource: NetExporter;
  readonly #children: Children;
  /** Fields of rules that the API server has dropped. */
  #dropped: readonly string[] = [];

  constructor(kinds: MonitoringKinds, resource: NetExporter, children: Children) {
    this.#kinds = kinds;
    this.#resource = resource;
    this.#children = children;
  }

  /** @returns whether a PodMonitor of this NetExporter exists */
  async applyMonitor(): Promise<boolean> {
    const { podMonitors } = this.#kinds;
    if (!podMonitors.available) return !podMonitors.isAbsent && this.#isWithoutAnnotations();
    for (const object of agentMonitor(this.#resource)) {
      if (!(await this.#apply(object, podMonitors))) return false;
      if (this.#children.present(nameOf(object))) return true;
    }
    // Also one that is yet to be deleted: with annotations at the same time, each agent would be scraped twice.
    return this.#children.watched(podMonitors, agentNames(this.#resource.metadata.name).agent) !== undefined;
  }

  async applyRules(): Promise<void> {
    const { prometheusRules } = this.#kinds;
    if (!prometheusRules.available) return;
    for (const object of agentRules(this.#resource))
      if (await this.#apply(object, prometheusRules)) this.#dropped = this.#droppedOf(object);
  }

  /** Whether an object of this kind must not be deleted although the spec no longer asks for it. */
  isUnknown(kind: string): boolean {
    const { podMonitors, prometheusRules } = this.#kinds;
    return [podMonitors, prometheusRules].some(
      ({ resource, denial }) => resource.kind === kind && denial !== undefined,
    );
  }

  /** When to apply the objects again, in milliseconds; Infinity if there is no need. */
  get requeueAfterMs(): number {
    return this.#dropped.length > 0 ? droppedRetryMs : Infinity;
  }

  /** What the status says although nothing is wrong. */
  notices(): string[] {
    return [...this.#monitorNotices(), ...this.#ruleNotices()];
  }

  /** @returns whether the API is served */
  async #apply(object: ManifestObject, kind: OptionalKind): Promise<boolean> {
    try {
      await this.#children.apply(object, saysNotServed);
      return true;
    } catch (error) {
      if (!saysNotServed(error)) throw error;
      kind.lost();
      return false;
    }
  }

  /** Fields of the rules that a definition of an older Prometheus operator does not have. */
  #droppedOf(object: ManifestObject): string[] {
    const present = this.#children.applied(nameOf(object));
    if (!present || isPartial(present)) return [];
    const fields = differencesOf(object.spec, present.spec).flatMap(({ path, observed }) =>
      observed === undefined ? (/\]\.rules\[\d+\]\.(\w+)$/.exec(path)?.[1] ?? []) : [],
    );
    return [...new Set(fields)];
  }

  /**
   * Whether there was a PodMonitor when the annotations were decided last. While it is unknown whether there is one,
   * that decision stays, because with both each agent would be scraped twice.
   */
  #isWithoutAnnotations(): boolean {
    const services = this.#children.kind({ apiVersion: 'v1', kind: 'Service' });
    const service = this.#children.watched(services, agentNames(this.#resource.metadata.name).peers);
    return service !== undefined && service.metadata.annotations?.[scrapeAnnotation] === undefined;
  }

  #monitorNotices(): string[] {
    const { denial, isAbsent } = this.#kinds.podMonitors;
    const { monitoring } = this.#resource.spec;
    if (monitoring.podMonitor === 'None') return withoutEffect(monitoring, 'Set spec.monitoring.podMonitor to Auto');
    if (denial !== undefined) return [deniedNotice(apiUses.podMonitors.kind, denial)];
    return isAbsent ? withoutEffect(monitoring, 'Install the Prometheus Operator') : [];
  }

  #ruleNotices(): string[] {
    const { denial } = this.#kinds.prometheusRules;
    if (this.#resource.spec.monitoring.prometheusRule === 'None') return [];
    if (denial !== undefined) return [deniedNotice(apiUses.prometheusRules.kind, denial)];
    if (this.#dropped.length === 0) return [];
    return [
      `The PrometheusRule lacks ${this.#dropped.join(' and ')}, because the installed definition of PrometheusRule does not have it: alerts may resolve and fire again. Upgrade the definitions of the Prometheus Operator.`,
    ];
  }
}

function deniedNotice(kind: string, denial: string): string {
  return `The operator neither creates nor deletes a ${kind}: ${withPeriod(denial)}`;
}

/** @returns a full sentence about what is set although it has an effect only with a PodMonitor */
function withoutEffect({ attachNodeMetadata, scrape }: NetExporter['spec']['monitoring'], advice: string): string[] {
  const isScrapeSet = scrape.interval !== '' || scrape.timeout !== '' || scrape.metricRelabelings.length > 0;
  const fields = [...(attachNodeMetadata ? ['attachNodeMetadata'] : []), ...(isScrapeSet ? ['scrape'] : [])];
  if (fields.length === 0) return [];
  const named = fields.map((field) => `spec.monitoring.${field}`).join(' and ');
  return [
    `${named} ${fields.length === 1 ? 'has' : 'have'} no effect without a PodMonitor. ${advice}, or configure Prometheus instead.`,
  ];
}
