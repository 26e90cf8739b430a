import type { AgentPod } from '../../../src/operator/agents/agent-pod.ts';

/** The agent of node `n1`, which is ready, with what is said otherwise. */
export function agentPod(parts: Partial<AgentPod> = {}): AgentPod {
  return {
    name: 'default-agent-1',
    uid: 'pod-1',
    owner: 'monitoring/default',
    controller: 'd',
    node: 'n1',
    addresses: ['10.0.0.1'],
    port: 8000,
    ready: true,
    wasReady: true,
    deleting: false,
    ended: false,
    fault: undefined,
    template: 1,
    ...parts,
  };
}
