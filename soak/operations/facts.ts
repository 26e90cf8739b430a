import type { ApiObject } from '../../test/faults/cluster-api.ts';

/**
 * What the observer keeps of the objects at the API server. It is read here anew, without the operator's own code,
 * which is what is judged by it.
 */

/** One condition of a NetExporter, as its status has it. */
export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  observedGeneration?: number;
}

/** The status of a NetExporter. */
export interface StatusFacts {
  observedGeneration?: number;
  agents?: {
    desired: number;
    ready: number;
    configured?: number;
    reporting?: number;
    generation?: number;
    summary: string;
  };
  conditions: Condition[];
}

export interface ResourceFacts {
  uid: string;
  generation: number;
  isPaused: boolean;
  isDeleting: boolean;
  /** What of `spec.agent` a pod shows, too. */
  agent: PodSettings;
  /** Whether agents dial a Service of theirs. */
  isServiceDialled: boolean;
  isPolicyWanted: boolean;
  /** Undefined until the operator has written one. */
  status: StatusFacts | undefined;
}

/** What both a NetExporter and the pod template of a DaemonSet say. An empty image leaves it to the operator. */
export interface PodSettings {
  image: string;
  tolerations: unknown[];
  nodeSelector: Record<string, string>;
}

export interface DaemonSetFacts {
  uid: string;
  /** The uid of its controller. */
  owner: string | undefined;
  isDeleting: boolean;
  generation: number;
  observedGeneration: number;
  desired: number;
  /** Nodes that are to have a pod and do. */
  current: number;
  /** Of those, with a pod of the current template. */
  updated: number;
  ready: number;
  /** The number of the current pod template. */
  template: number;
  settings: PodSettings;
}

/** How a container ended last. */
export interface LastEnd {
  reason: string;
  /** Milliseconds since the epoch, by the node's clock. */
  at: number;
  /** How often it has ended. */
  times: number;
}

export interface PodFacts {
  uid: string;
  name: string;
  /** Of the node it is on, or is meant for. */
  node: string;
  owner: string | undefined;
  isDeleting: boolean;
  /** Its containers will not run again. */
  hasEnded: boolean;
  isReady: boolean;
  isUnschedulable: boolean;
  /** The number of the pod template that it was made from. */
  template: number;
  /** The same for templates with the same content. */
  revision: string;
  ip: string;
  port: number;
  /** Why its container does not run, as the kubelet says; empty when it runs. */
  waiting: string;
  lastEnd: LastEnd | undefined;
  /** Of its first container. */
  restarts: number;
  /** Whether its first container runs. */
  isRunning: boolean;
}

export interface NodeFacts {
  name: string;
  isReady: boolean;
  isCordoned: boolean;
  labels: Readonly<Record<string, string>>;
}

/** A child object of a NetExporter. */
export interface ChildFacts {
  kind: string;
  name: string;
  owner: string | undefined;
  isDeleting: boolean;
}

/** A Warning or Normal Event about a NetExporter. Times are milliseconds since the epoch. */
export interface EventFacts {
  /** The uid of what it is about. */
  regarding: string;
  type: string;
  reason: string;
  note: string;
  firstAt: number;
  lastAt: number;
  /** How often it happened; 1 if it is not a series. */
  count: number;
}

const pausedAnnotation = 'net-exporter.dev/paused';
const templateAnnotation = 'deprecated.daemonset.template.generation';
const templateLabel = 'pod-template-generation';
const revisionLabel = 'controller-revision-hash';

export function resourceFacts({ metadata, spec, status }: ApiObject): ResourceFacts {
  const { agent, network, monitoring } = spec as {
    agent: PodSettings;
    network: { enabled: boolean; service: boolean };
    monitoring: { networkPolicy: string };
  };
  const { image, tolerations, nodeSelector } = agent;
  const said = status as Partial<StatusFacts> | undefined;
  return {
    uid: metadata.uid,
    generation: metadata.generation ?? 0,
    isPaused: metadata.annotations?.[pausedAnnotation] === 'true',
    isDeleting: metadata.deletionTimestamp !== undefined,
    agent: { image, tolerations, nodeSelector },
    isServiceDialled: network.enabled && network.service,
    isPolicyWanted: monitoring.networkPolicy !== 'None',
    status: said && { ...said, conditions: said.conditions ?? [] },
  };
}

export function daemonSetFacts({ metadata, spec, status }: ApiObject): DaemonSetFacts {
  const { template } = spec as { template: { spec: Partial<PodSettings> & { containers: { image: string }[] } } };
  const counts = (status ?? {}) as Record<string, number | undefined>;
  const { tolerations = [], nodeSelector = {}, containers } = template.spec;
  return {
    uid: metadata.uid,
    owner: ownerOf(metadata),
    isDeleting: metadata.deletionTimestamp !== undefined,
    generation: metadata.generation ?? 0,
    observedGeneration: counts.observedGeneration ?? 0,
    desired: counts.desiredNumberScheduled ?? 0,
    current: counts.currentNumberScheduled ?? 0,
    updated: counts.updatedNumberScheduled ?? 0,
    ready: counts.numberReady ?? 0,
    template: Number(metadata.annotations?.[templateAnnotation] ?? Number.NaN),
    settings: { image: containers[0]?.image ?? '', tolerations, nodeSelector },
  };
}

interface PodSpec {
  nodeName?: string;
  containers: { ports?: { containerPort: number }[] }[];
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms: { matchFields?: { values?: string[] }[] }[];
      };
    };
  };
}

interface ContainerState {
  waiting?: { reason?: string };
  running?: object;
  terminated?: { reason?: string; finishedAt?: string };
}

interface PodStatus {
  phase?: string;
  podIP?: string;
  conditions?: { type: string; status: string; reason?: string }[];
  containerStatuses?: { restartCount: number; state?: ContainerState; lastState?: ContainerState }[];
}

export function podFacts({ metadata, ...object }: ApiObject): PodFacts {
  const spec = object.spec as PodSpec;
  const status = (object.status ?? {}) as PodStatus;
  const condition = (wanted: string) => status.conditions?.find(({ type }) => type === wanted);
  const [container] = status.containerStatuses ?? [];
  const { state = {}, lastState, restartCount = 0 } = container ?? {};
  const end = state.terminated ?? lastState?.terminated;
  const scheduled = condition('PodScheduled');
  // The DaemonSet controller makes each pod for one node, by its affinity.
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return {
    uid: metadata.uid,
    name: metadata.name,
    node: spec.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0] ?? '',
    owner: ownerOf(metadata),
    isDeleting: metadata.deletionTimestamp !== undefined,
    hasEnded: status.phase === 'Succeeded' || status.phase === 'Failed',
    isReady: condition('Ready')?.status === 'True',
    isUnschedulable: scheduled?.status === 'False' && scheduled.reason === 'Unschedulable',
    template: Number(metadata.labels?.[templateLabel] ?? Number.NaN),
    revision: metadata.labels?.[revisionLabel] ?? '',
    ip: status.podIP ?? '',
    port: spec.containers[0]?.ports?.[0]?.containerPort ?? 0,
    waiting: state.waiting?.reason ?? '',
    lastEnd: end && {
      reason: end.reason ?? '',
      at: Date.parse(end.finishedAt ?? ''),
      times: restartCount + (state.terminated ? 1 : 0),
    },
    restarts: restartCount,
    isRunning: state.running !== undefined,
  };
}

export function nodeFacts({ metadata, ...object }: ApiObject): NodeFacts {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: { type: string; status: string }[] };
  return {
    name: metadata.name,
    isReady: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    isCordoned: (object.spec as { unschedulable?: boolean }).unschedulable === true,
    labels: metadata.labels ?? {},
  };
}

/** @param kind of the object: a list of the API server does not say it */
export function childFacts(kind: string, { metadata }: ApiObject): ChildFacts {
  const isDeleting = metadata.deletionTimestamp !== undefined;
  return { kind, name: metadata.name, owner: ownerOf(metadata), isDeleting };
}

/** @returns undefined where it is about something else than a NetExporter */
export function eventFacts(object: ApiObject): EventFacts | undefined {
  const { regarding, type, reason, note, eventTime, series } = object as unknown as {
    regarding?: { kind?: string; uid?: string };
    type: string;
    reason: string;
    note?: string;
    eventTime?: string | null;
    series?: { count: number; lastObservedTime: string };
  };
  if (regarding?.kind !== 'NetExporter' || regarding.uid === undefined) return undefined;
  const firstAt = Date.parse(eventTime ?? '');
  const lastAt = series ? Date.parse(series.lastObservedTime) : firstAt;
  return { regarding: regarding.uid, type, reason, note: note ?? '', firstAt, lastAt, count: series?.count ?? 1 };
}

function ownerOf({ ownerReferences = [] }: ApiObject['metadata']): string | undefined {
  return ownerReferences.find(({ controller }) => controller === true)?.uid;
}
