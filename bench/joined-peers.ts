import { agentNames } from '../src/contract/agent-names.ts';
import type { Agent } from '../test/e2e/agents.ts';
import { ApiServer } from './api-server.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import {
  type DaemonSet,
  podName,
  runningStatus,
  simulatedLabel,
  simulatedNode,
  simulatedPod,
} from './simulated-objects.ts';

/**
 * Gives the agents of a NetExporter more peers than there are nodes, while `body` runs: for each of `others`, agents of
 * other NetExporters, there is a Node and a pod of this one's DaemonSet with the other's address. The operator plans
 * for all of them, and whoever is told to dial such a pod reaches a real agent. The controller manager stands still
 * meanwhile: it would take such nodes for dead ones.
 */
export async function withPeers<T>(
  { cluster }: BenchCluster,
  name: string,
  others: readonly Agent[],
  body: () => Promise<T>,
): Promise<T> {
  const api = new ApiServer(cluster.kubeconfig);
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${agentNames(name).agent}`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await cluster.stopComponent('controller-manager');
  try {
    const daemonSet = await api.send<DaemonSet>('GET', path);
    for (const [index, { ip }] of others.entries()) {
      const number = index + 1;
      await api.send('POST', '/api/v1/nodes', simulatedNode(number));
      await api.send('POST', pods, simulatedPod(daemonSet, number));
      const status = runningStatus(daemonSet, number, true, ip);
      await api.send('PATCH', `${pods}/${podName(daemonSet, number)}/status`, status);
    }
    return await body();
  } finally {
    const nodes = `/api/v1/nodes?labelSelector=${simulatedLabel}`;
    const { items } = await api.send<{ items: { metadata: { name: string } }[] }>('GET', nodes);
    for (const { metadata } of items)
      await api.send('DELETE', `${pods}?gracePeriodSeconds=0&fieldSelector=spec.nodeName=${metadata.name}`);
    await api.send('DELETE', nodes);
    await api.close();
    await cluster.startComponent('controller-manager');
  }
}
