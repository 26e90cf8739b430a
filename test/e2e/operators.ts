import { formatHostPort } from '../../src/base/host-port.ts';
import { operatorPort } from '../../src/contract/operator-names.ts';
import { getJson } from './agents.ts';
import { type Environment, operatorNamespace } from './environment.ts';
import { type Metrics, scrape } from './metrics.ts';

/** One operator of the installation. */
export interface OperatorPod {
  name: string;
  ip: string;
  ready: boolean;
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { podIP?: string; conditions?: { type: string; status: string }[] };
}

/** The Lease by which the operators agree on who leads. */
export interface LeaseStatus {
  /** Of the pod that holds it; empty when nobody does. */
  pod: string;
  /** When it was taken, in milliseconds since the epoch by the holder's clock. */
  acquiredAt: number;
  transitions: number;
}

/** The operators that run. */
export async function operatorsOf({ kubectl }: Pick<Environment, 'kubectl'>): Promise<OperatorPod[]> {
  const selector = 'app.kubernetes.io/name=net-exporter-operator';
  const { items } = await getJson<{ items: Pod[] }>(kubectl, ['pods', '-n', operatorNamespace, '-l', selector]);
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, status }) => ({
      name: metadata.name,
      ip: status.podIP ?? '',
      ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    }));
}

export async function leaseOf({ kubectl }: Pick<Environment, 'kubectl'>): Promise<LeaseStatus> {
  const { spec } = await getJson<{
    spec: { holderIdentity: string; acquireTime: string; leaseTransitions: number };
  }>(kubectl, ['lease', '-n', operatorNamespace, 'net-exporter-operator']);
  return {
    pod: spec.holderIdentity.split('_')[0]!,
    acquiredAt: Date.parse(spec.acquireTime),
    transitions: spec.leaseTransitions,
  };
}

/** What an operator serves on /metrics now. */
export function operatorMetrics({ ip }: OperatorPod): Promise<Metrics> {
  return scrape(`http://${formatHostPort(ip, operatorPort)}/metrics`);
}
