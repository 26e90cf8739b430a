import { setTimeout as sleep } from 'node:timers/promises';
import { operatorNamespace, operatorSelector, syncServiceName } from '../../src/contract/operator-names.ts';
import type { Cluster } from '../../test/cluster/cluster.ts';
import type { ApiObject, ClusterApi } from '../../test/faults/cluster-api.ts';
import {
  childFacts,
  daemonSetFacts,
  type EventFacts,
  eventFacts,
  nodeFacts,
  type PodFacts,
  podFacts,
  resourceFacts,
} from './facts.ts';
import { LeaseWatch } from './lease-watch.ts';
import type { Moment } from './moment.ts';
import { OperatorLogs } from './operator-logs.ts';
import { Samples } from './samples.ts';
import { StatementJudge } from './statement-judge.ts';
import type { StatusVersion } from './transitions.ts';
import { WatchedList } from './watched-list.ts';

/** Between two looks at metrics and logs, in milliseconds. */
const lookMs = 700;

/** What the soak did to a child counts as rivalry for so long, in milliseconds: the longest back-off of a revert. */
const rivalryMs = 300_000;

/** The lists that are watched, by what is in them. @param namespace of the NetExporter */
function paths(namespace: string) {
  const at = (group: string, plural: string, where = namespace) =>
    `/${group === 'v1' ? 'api' : 'apis'}/${group}/namespaces/${where}/${plural}`;
  return {
    namespaces: `/api/v1/namespaces?fieldSelector=metadata.name=${namespace}`,
    nodes: '/api/v1/nodes',
    resources: at('net-exporter.dev/v1alpha1', 'netexporters'),
    pods: at('v1', 'pods'),
    events: at('events.k8s.io/v1', 'events'),
    DaemonSet: at('apps/v1', 'daemonsets'),
    ConfigMap: at('v1', 'configmaps'),
    Service: at('v1', 'services'),
    ServiceAccount: at('v1', 'serviceaccounts'),
    NetworkPolicy: at('networking.k8s.io/v1', 'networkpolicies'),
    leases: `${at('coordination.k8s.io/v1', 'leases', operatorNamespace)}?fieldSelector=metadata.name=net-exporter-operator`,
    operators: `${at('v1', 'pods', operatorNamespace)}?labelSelector=${encodeURIComponent(selector)}`,
    operatorServices: at('v1', 'services', operatorNamespace),
  };
}

const selector = Object.entries(operatorSelector)
  .map(([label, value]) => `${label}=${value}`)
  .join(',');
const childKinds = ['DaemonSet', 'ConfigMap', 'Service', 'ServiceAccount', 'NetworkPolicy'] as const;
const agentLabels = { name: 'app.kubernetes.io/name', instance: 'app.kubernetes.io/instance' };

/**
 * Watches what is so and what the operator says, and judges the one by the other. It asks the API server, the agents
 * and the operators' metrics and logs independently.
 */
export class Observer {
  readonly judge = new StatementJudge();
  readonly logs: OperatorLogs;
  /** Every status that was written, in its order. */
  readonly statuses: StatusVersion[] = [];
  /** What the soak does now. */
  operation = 'the beginning';
  /** When the soak did something, in milliseconds since the epoch. */
  readonly facts: number[] = [];
  readonly #name: string;
  readonly #lists: Record<keyof ReturnType<typeof paths>, WatchedList>;
  readonly #samples: Samples;
  readonly #lease = new LeaseWatch();
  /** By the Event's uid; kept when the Event goes with its namespace. */
  readonly #events = new Map<string, EventFacts>();
  /** When the soak overwrote a child, by the child; monotonic milliseconds. */
  readonly #overwrites = new Map<string, number[]>();
  readonly #end = new AbortController();
  #resource: { uid: string; since: number } | undefined;
  #services = { uids: '', since: 0 };
  #moment: Moment | undefined;
  /** Whether everything has been listed: before, what is missing may only not have been seen. */
  #hasListed = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: { api: ClusterApi; cluster: Cluster; namespace: string; name: string }) {
    const { api, cluster, namespace, name } = parts;
    this.#name = name;
    this.logs = new OperatorLogs(cluster);
    this.#samples = new Samples({ namespace, netexporter: name }, () => this.#note());
    const entries = Object.entries(paths(namespace)).map(([key, path]) => [
      key,
      new WatchedList(api, path, (object) => this.#changed(key, object)),
    ]);
    this.#lists = Object.fromEntries(entries);
  }

  /** Begins to look. Resolves when it has seen all that there is. */
  async start(): Promise<void> {
    await Promise.all(Object.values(this.#lists).map((list) => list.start(this.#end.signal)));
    this.#hasListed = true;
    this.#looking = this.#look();
  }

  /** Ends all looking, and judges what is left. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#looking;
    await this.logs.close();
    this.judge.finish();
  }

  /** What is so now. */
  get now(): Moment {
    this.#note();
    return this.#moment!;
  }

  /** Events about NetExporters, those that are gone among them. */
  get events(): EventFacts[] {
    return [...this.#events.values()];
  }

  /** The operators that there are. */
  get operators(): PodFacts[] {
    return this.#lists.operators.objects.map(podFacts);
  }

  /** The soak has done something new. @param overwritten the child that it changed, if any */
  acted(overwritten?: string): void {
    this.facts.push(Date.now());
    if (overwritten === undefined) return;
    const times = this.#overwrites.get(overwritten) ?? [];
    this.#overwrites.set(overwritten, [...times, performance.now()]);
  }

  /** The process that led was killed: there is no leader until another renewal of the Lease is seen. */
  leaderKilled(): void {
    this.#lease.end();
    this.#note();
  }

  async #look(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      this.#samples.look(this.#agentPods(), this.operators);
      await this.logs.look(this.#lists.operators.objects);
      this.#note();
      await sleep(lookMs, undefined, { signal }).catch(() => {});
    }
  }

  #changed(list: string, object: ApiObject): void {
    if (list === 'leases') this.#lease.see(object, performance.now());
    if (list === 'events') {
      const event = eventFacts(object);
      if (event) this.#events.set(object.metadata.uid, event);
    }
    if (this.#hasListed) this.#note();
    if (list === 'resources' && object.metadata.name === this.#name) this.#noteStatus(object);
  }

  #noteStatus(object: ApiObject): void {
    const { uid, status, isDeleting } = resourceFacts(object);
    // In a namespace that ends no Event can be written, and what is deleted needs none.
    if (!status || isDeleting || this.#moment?.isNamespaceEnding) return;
    const last = this.statuses.at(-1);
    if (last?.resource === uid && JSON.stringify(last.status) === JSON.stringify(status)) return;
    this.statuses.push({ at: Date.now(), resource: uid, status, operation: this.operation });
  }

  #agentPods(): PodFacts[] {
    return this.#lists.pods.objects
      .filter(
        ({ metadata: { labels = {} } }) =>
          labels[agentLabels.name] === 'net-exporter-agent' && labels[agentLabels.instance] === this.#name,
      )
      .map(podFacts);
  }

  /** Remembers what is so now, once everything has been listed. */
  #note(): void {
    const at = performance.now();
    const found = this.#lists.resources.objects.find(({ metadata }) => metadata.name === this.#name);
    if (found?.metadata.uid !== this.#resource?.uid) this.#resource = found && { uid: found.metadata.uid, since: at };
    const names = [`${this.#name}-agent`, `${this.#name}-agent-peers`];
    const services = this.#lists.Service.objects.filter(({ metadata }) => names.includes(metadata.name));
    const uids = services
      .map(({ metadata }) => metadata.uid)
      .sort()
      .join();
    if (uids !== this.#services.uids) this.#services = { uids, since: at };
    const daemonSet = this.#lists.DaemonSet.objects.find(({ metadata }) => metadata.name === names[0]);
    const [namespace] = this.#lists.namespaces.objects;
    this.#moment = {
      at,
      wall: Date.now(),
      resource: found && resourceFacts(found),
      resourceSince: this.#resource?.since ?? at,
      servicesSince: this.#services.since,
      daemonSet: daemonSet && daemonSetFacts(daemonSet),
      pods: this.#agentPods(),
      nodes: this.#lists.nodes.objects.map(nodeFacts),
      children: childKinds.flatMap((kind) =>
        this.#lists[kind].objects
          .filter(({ metadata }) => names.includes(metadata.name))
          .map((object) => childFacts(kind, object)),
      ),
      isNamespaceEnding: namespace === undefined || namespace.metadata.deletionTimestamp !== undefined,
      hasSyncService: this.#lists.operatorServices.objects.some(({ metadata }) => metadata.name === syncServiceName),
      leader: this.#lease.leader(at),
      agents: new Map(this.#samples.agents),
      exposed: [...this.#samples.operators.values()],
      overwrites: this.#mostOverwrites(at),
      operation: this.operation,
    };
    this.judge.add(this.#moment);
  }

  #mostOverwrites(now: number): number {
    const recent = [...this.#overwrites.values()].map((times) => times.filter((time) => now - time < rivalryMs).length);
    return Math.max(0, ...recent);
  }
}
