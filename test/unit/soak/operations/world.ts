import type {
  Condition,
  DaemonSetFacts,
  PodFacts,
  ResourceFacts,
  StatusFacts,
} from '../../../../soak/operations/facts.ts';
import type { AgentSample, Exposed, Moment } from '../../../../soak/operations/moment.ts';

/** When the moments of these tests are, unless told, in monotonic milliseconds. */
export const now = 100_000;
const wall = Date.parse('2026-05-04T10:00:00Z');
const settings = { image: '', tolerations: [{ operator: 'Exists' }], nodeSelector: {} };

export function condition(type: string, status: string, reason: string, message = ''): Condition {
  return { type, status, reason, message, observedGeneration: 3 };
}

/** What the operator says of two agents that are well. */
export const wellStatus: StatusFacts = {
  observedGeneration: 3,
  agents: { desired: 2, ready: 2, configured: 2, reporting: 2, generation: 3, summary: '2/2' },
  conditions: [
    condition('Ready', 'True', 'AgentsReady', '2 of 2 agents are ready.'),
    condition('Reconciling', 'False', 'Settled'),
    condition('Stalled', 'False', 'NoObstacle'),
    condition('ConfigPropagated', 'True', 'AgentsConfigured', '2 of 2 agents have the current settings and targets.'),
  ],
};

export const resource: ResourceFacts = {
  uid: 'nx',
  generation: 3,
  isPaused: false,
  isDeleting: false,
  agent: settings,
  isServiceDialled: true,
  isPolicyWanted: true,
  status: wellStatus,
};

export const daemonSet: DaemonSetFacts = {
  uid: 'ds',
  owner: 'nx',
  isDeleting: false,
  generation: 5,
  observedGeneration: 5,
  desired: 2,
  current: 2,
  updated: 2,
  ready: 2,
  template: 4,
  settings: { ...settings, image: 'agent:1', nodeSelector: { 'kubernetes.io/os': 'linux' } },
};

export function pod(node: string, over: Partial<PodFacts> = {}): PodFacts {
  return {
    uid: `pod-${node}`,
    name: `soak-agent-${node}`,
    node,
    owner: 'ds',
    isDeleting: false,
    hasEnded: false,
    isReady: true,
    isUnschedulable: false,
    template: 4,
    revision: 'of-4',
    ip: '10.0.0.1',
    port: 8000,
    waiting: '',
    lastEnd: undefined,
    restarts: 0,
    isRunning: true,
    ...over,
  };
}

export function node(name: string, isReady = true, labels: Record<string, string> = {}) {
  return { name, isReady, isCordoned: false, labels };
}

/** An agent that the operator answered so long ago, in milliseconds. */
export function sample(over: Partial<AgentSample> = {}): AgentSample {
  return { at: now, generation: 3, revision: 70, syncAge: 4000, answers: 9, ...over };
}

export const exposed: Exposed = {
  pod: 'operator-1',
  agents: { desired: 2, ready: 2, configured: 2, reporting: 2 },
  conditions: { Ready: 'True', Reconciling: 'False', Stalled: 'False', ConfigPropagated: 'True' },
  generation: 3,
  observedGeneration: 3,
};

/** A moment at which two agents are well, and the operator says so, but for what is given. */
export function moment(over: Partial<Moment> = {}): Moment {
  const { at = now } = over;
  const children = ['ServiceAccount', 'ConfigMap', 'DaemonSet', 'Service', 'NetworkPolicy'].map((kind) => ({
    ...{ kind, name: 'soak-agent', owner: 'nx', isDeleting: false },
  }));
  return {
    at,
    wall: wall + at - now,
    resource,
    resourceSince: 0,
    servicesSince: 0,
    daemonSet,
    pods: [pod('node-1'), pod('node-2')],
    nodes: [node('node-1'), node('node-2')],
    children: [...children, { kind: 'Service', name: 'soak-agent-peers', owner: 'nx', isDeleting: false }],
    isNamespaceEnding: false,
    hasSyncService: true,
    leader: { pod: 'operator-1', since: 0 },
    agents: agents({}, {}, at),
    exposed: [exposed],
    overwrites: 0,
    operation: '1 (edit of hosts)',
    ...over,
  };
}

/** Samples of both agents. */
export function agents(first: Partial<AgentSample>, second: Partial<AgentSample>, at = now): Map<string, AgentSample> {
  return new Map([
    ['pod-node-1', sample({ at, ...first })],
    ['pod-node-2', sample({ at, ...second })],
  ]);
}

/** The NetExporter with another status. */
export function saying(over: Partial<StatusFacts>): ResourceFacts {
  return { ...resource, status: { ...wellStatus, ...over } };
}

/** The conditions of agents that are well, with others in place of those of the same type. */
export function conditionsWith(...others: Condition[]): Condition[] {
  return wellStatus.conditions.map((each) => others.find(({ type }) => type === each.type) ?? each);
}
