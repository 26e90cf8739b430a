import { formatHostPort } from '../../src/base/host-port.ts';
import { type Metrics, scrape } from './metrics.ts';

/** Runs kubectl against the cluster under test and returns its standard output. */
export type Kubectl = (args: string[], options?: { input?: string }) => Promise<string>;

/** One agent of a NetExporter. */
export interface Agent {
  pod: string;
  uid: string;
  node: string;
  ip: string;
  port: number;
  ready: boolean;
  restarts: number;
}

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string; containers: { ports?: { containerPort: number }[] }[] };
  status: {
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number }[];
  };
}

/** The agents of a NetExporter that have an address and are not being deleted, by node. */
export async function agentsOf(kubectl: Kubectl, namespace: string, name: string): Promise<Agent[]> {
  const selector = `app.kubernetes.io/name=net-exporter-agent,app.kubernetes.io/instance=${name}`;
  const pods = await getJson<{ items: Pod[] }>(kubectl, ['pods', '-n', namespace, '-l', selector]);
  return pods.items
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.podIP !== undefined)
    .map(({ metadata, spec, status }) => ({
      pod: metadata.name,
      uid: metadata.uid,
      node: spec.nodeName ?? '',
      ip: status.podIP ?? '',
      port: spec.containers[0]?.ports?.[0]?.containerPort ?? 0,
      ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
      restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
    }))
    .sort((a, b) => a.node.localeCompare(b.node));
}

/** How peers and Prometheus write an agent's address. */
export function hostOf(agent: Agent): string {
  return formatHostPort(agent.ip, agent.port);
}

/** What an agent serves on /metrics now. */
export function metricsOf(agent: Agent): Promise<Metrics> {
  return scrape(`http://${hostOf(agent)}/metrics`);
}

/** The first address of a Service. */
export async function clusterIpOf(kubectl: Kubectl, namespace: string, name: string): Promise<string> {
  const args = ['service', '-n', namespace, name];
  return (await getJson<{ spec: { clusterIP: string } }>(kubectl, args)).spec.clusterIP;
}

/** `kubectl get … -o json`, parsed. */
export async function getJson<T>(kubectl: Kubectl, args: string[]): Promise<T> {
  return JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as T;
}

/** The NetExporter as the API server has it. */
export interface NetExporterObject {
  metadata: { name: string; namespace: string; uid: string; generation: number };
  spec: {
    dns: { hosts: string[]; enabled: boolean };
    network: { enabled: boolean; peersPerAgent: number; protocols: string[]; service: boolean };
  };
  status?: {
    observedGeneration: number;
    agents: { desired: number; ready: number; configured?: number; reporting?: number; summary: string };
    conditions: { type: string; status: string; reason: string; message: string; observedGeneration: number }[];
  };
}

export function getNetExporter(kubectl: Kubectl, namespace: string, name: string): Promise<NetExporterObject> {
  return getJson<NetExporterObject>(kubectl, ['netexporter', '-n', namespace, name]);
}

/** The status of one condition; `Unknown` where it is absent. */
export function conditionStatus(object: NetExporterObject, type: string): string {
  return object.status?.conditions.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

/** Whether a NetExporter's newest spec is in effect, as kstatus defines it, on `nodes` nodes. */
export function isReady(object: NetExporterObject, nodes: number): boolean {
  return (
    object.status?.observedGeneration === object.metadata.generation &&
    object.status.agents.desired === nodes &&
    object.status.agents.ready === nodes &&
    conditionStatus(object, 'Ready') === 'True' &&
    conditionStatus(object, 'Reconciling') !== 'True' &&
    conditionStatus(object, 'Stalled') !== 'True'
  );
}
