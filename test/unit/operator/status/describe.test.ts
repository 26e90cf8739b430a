import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lacksIn } from '../../../../soak/operations/description.ts';
import type { NetExporterStatus } from '../../../../src/crd/status.ts';
import { agentPodOf } from '../../../../src/operator/agents/agent-pod.ts';
import {
  type AgentState,
  type PropagationFinding,
  propagationOf,
} from '../../../../src/operator/agents/propagation.ts';
import type { EventContent } from '../../../../src/operator/events/event.ts';
import { type Findings, statusOf } from '../../../../src/operator/status/status.ts';
import { StatusReports } from '../../../../src/operator/status/status-reports.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const daemonSet = {
  ...{ generation: 1, observedGeneration: 1, desired: 4, created: 4, updated: 4, ready: 4, misscheduled: 0 },
};
const spread: PropagationFinding = { agents: 4, configured: 4, reporting: 4, unheard: 0, overdue: [], waiting: [] };
const healthy: Findings = {
  ...{ generation: 1, obstacles: [], waitingFor: [], daemonSet, faults: [], stranded: [], unready: [] },
  ...{ refusal: undefined, isOverdue: false, propagation: spread, exceeded: [], judged: undefined },
};

/** One NetExporter whose status is written every ten seconds. */
class Described {
  readonly #reports = new StatusReports({ record: (content) => this.events.push(content) });
  events: EventContent[] = [];
  status: NetExporterStatus | undefined;
  #now = 0;

  constructor() {
    this.find({});
    this.events = [];
  }

  find(findings: Partial<Findings>): void {
    this.#now += 10_000;
    const all = { ...healthy, ...findings };
    const [before, after] = [this.status, statusOf(all, this.status, this.#now)];
    this.status = after;
    this.#reports.report(netExporter(), { before, after }, all, quietLog);
  }

  /** What `kubectl describe` prints of it, as of version 1.37. */
  get text(): string {
    const conditions = (this.status?.conditions ?? []).map(
      ({ type, status, reason, message, lastTransitionTime }) =>
        `    Last Transition Time:  ${lastTransitionTime}\n    Message:               ${message}\n` +
        `    Observed Generation:   1\n    Reason:                ${reason}\n` +
        `    Status:                ${status}\n    Type:                  ${type}\n`,
    );
    const events = this.events.map(
      ({ type, reason, note }) => `  ${type}  ${reason}  3s  net-exporter.dev/operator  ${note}\n`,
    );
    return `Status:\n  Conditions:\n${conditions.join('')}  Observed Generation:     1\nEvents:\n${events.join('')}`;
  }

  /** Only what Events say, long after. */
  get eventsOnly(): string {
    return this.text.replaceAll(/^ {4}Message: .*$/gm, '    Message:               (none)');
  }

  get warnings(): string[] {
    return this.events.flatMap(({ type, reason }) => (type === 'Warning' ? [reason] : []));
  }
}

/** A pod whose container was killed by a signal twice, a moment ago. */
function crashed() {
  const last = {
    reason: 'Error',
    exitCode: 137,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:09Z',
  };
  const state = { waiting: { reason: 'CrashLoopBackOff' } };
  const container = { name: 'agent', image: 'agent:1', ready: false, restartCount: 2, state };
  return agentPodOf({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'default-agent-x', namespace: 'monitoring', uid: 'u' } },
    spec: { nodeName: 'node-2' },
    status: { containerStatuses: [{ ...container, lastState: { terminated: last } }] },
  } as never).fault!;
}

test('kubectl describe alone says of an agent that is no longer ready where it is and what to check', () => {
  const described = new Described();
  described.find({ daemonSet: { ...daemonSet, ready: 3 }, unready: ['default-agent-x on node-2'] });
  const expected = { names: ['node-2', 'default-agent-x'], remedy: /check the logs and Events of the pods/ };
  assert.deepEqual(lacksIn(described.text, expected), []);
  assert.deepEqual(lacksIn(described.eventsOnly, expected), []);
  assert.deepEqual(described.warnings, ['AgentsNotReady']);
});

test('kubectl describe alone says of an agent that crashes where it is, how it ended and what to check', () => {
  const described = new Described();
  described.find({ daemonSet: { ...daemonSet, ready: 3 }, unready: ['default-agent-x on node-2'] });
  described.find({ daemonSet: { ...daemonSet, ready: 3 }, faults: [{ ...crashed(), node: 'node-2' }] });
  const expected = { names: ['node-2', 'killed by signal 9'], remedy: /Check the logs of the pods/ };
  assert.deepEqual(lacksIn(described.text, expected), []);
  assert.deepEqual(lacksIn(described.eventsOnly, expected), []);
  assert.deepEqual(described.warnings, ['AgentsNotReady', 'AgentCrashLooping']);
});

test('kubectl describe alone says of a lost Service which one it is and what to apply', () => {
  const described = new Described();
  const obstacle =
    'Service net-exporter-operator-sync does not exist in namespace net-exporter-system; apply manifests/install.yaml';
  described.find({ propagation: { obstacle } });
  const expected = {
    names: ['net-exporter-operator-sync', 'net-exporter-system'],
    remedy: /apply manifests\/install\.yaml/,
  };
  assert.deepEqual(lacksIn(described.text, expected), []);
  assert.deepEqual(lacksIn(described.eventsOnly, expected), []);
  assert.deepEqual(described.warnings, ['SyncUnavailable']);
});

test('kubectl describe alone says of a leader change during an edit what is known, and which node stays behind', () => {
  const settings = { uid: 'u', generation: 2, digest: 'd' };
  const assignment = { uid: 'u', epoch: 1, revision: 1 };
  const agent = (node: string, change: Partial<AgentState> = {}): AgentState => ({
    ...{ node, held: { settings, assignment } as never, silent: false, late: false, assignment: assignment as never },
    ...change,
  });
  const others = ['node-1', 'node-2', 'node-4'].map((node) => agent(node));
  const described = new Described();
  const conditionNow = () => {
    const { status, reason } = described.status!.conditions!.find(({ type }) => type === 'ConfigPropagated')!;
    return `${status} ${reason}`;
  };

  described.find({ generation: 2, propagation: 'early' });
  assert.equal(conditionNow(), 'Unknown Warming');
  assert.match(described.text, /has not heard of the agents yet, .* This resolves without action: within 45 seconds/);

  const unheard = propagationOf([...others, agent('node-3', { held: undefined })], settings as never, true);
  described.find({ generation: 2, propagation: unheard });
  assert.equal(conditionNow(), 'Unknown Warming');
  const expected = {
    names: ['node-3'],
    remedy: /in this order: whether the node is ready, the log of its agent, and the path/,
  };
  assert.deepEqual(lacksIn(described.text, expected), []);
  assert.deepEqual(described.warnings, [], 'nothing is known to be wrong yet');

  const late = propagationOf([...others, agent('node-3', { held: undefined, late: true })], settings as never);
  described.find({ generation: 2, propagation: late });
  assert.equal(conditionNow(), 'False AgentsOutOfSync');
  for (const text of [described.text, described.eventsOnly])
    assert.deepEqual(lacksIn(text, { ...expected, remedy: /Check in this order: .* net-exporter-operator-sync/ }), []);
  assert.deepEqual(described.warnings, ['AgentsOutOfSync']);

  described.find({ generation: 2, propagation: spread });
  assert.deepEqual(
    described.events.map(({ type, reason }) => `${type} ${reason}`),
    ['Warning AgentsOutOfSync', 'Normal AgentsConfigured'],
  );
});
