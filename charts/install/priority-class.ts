import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { agentPriorityClassName } from '../../src/crd/agent-spec.ts';

/** The highest value that Kubernetes leaves to users. */
const highestUserPriority = 1_000_000_000;

/**
 * The default class of the agents. Not one of Kubernetes' own: GKE and others admit pods of `system-node-critical`
 * outside of kube-system only where a ResourceQuota says so.
 */
export function addAgentPriorityClass(scope: Construct): void {
  new k8s.KubePriorityClass(scope, 'agent-priority-class', {
    metadata: { name: agentPriorityClassName },
    value: highestUserPriority,
    globalDefault: false,
    description: 'Agents of NetExporters (net-exporter.dev): one pod on every node, before the workloads.',
  });
}
