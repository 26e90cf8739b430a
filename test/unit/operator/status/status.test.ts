import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suspectKinds } from '../../../../src/contract/suspects.ts';
import type { NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { faultReasons } from '../../../../src/operator/agents/agent-pod.ts';
import { type DaemonSetProgress, progressOf } from '../../../../src/operator/status/rollout.ts';
import { type Findings, heldStatusOf, pausedStatusOf, statusOf } from '../../../../src/operator/status/status.ts';
import { deadNode, judgedFleet } from '../judge/judgements.ts';

const now = Date.parse('2026-01-01T00:00:00.123Z');
const done: DaemonSetProgress = {
  generation: 2,
  observedGeneration: 2,
  desired: 3,
  created: 3,
  updated: 3,
  ready: 3,
  misscheduled: 0,
};
const healthy: Findings = {
  generation: 7,
  obstacles: [],
  waitingFor: [],
  daemonSet: done,
  faults: [],
  stranded: [],
  unready: [],
  refusal: undefined,
  isOverdue: false,
  propagation: undefined,
  exceeded: [],
  judged: undefined,
};
const pullFailed = { reason: 'AgentImagePullFailed', node: 'n1', message: 'image:x: ImagePullBackOff' } as const;

const dead = { node: 'node-7', isOutdated: false, isDesired: true };
const unwanted = { ...dead, isOutdated: true, isDesired: false };
const old = { ...dead, isOutdated: true };

/** Ready, Reconciling and Stalled as T or F, and the reason why it is not ready (or why it is). */
function verdict(findings: Partial<Findings>): [string, string | undefined] {
  const { conditions = [] } = statusOf({ ...healthy, ...findings }, undefined, now);
  assert.deepEqual(
    conditions.map(({ type }) => type),
    ['Ready', 'Reconciling', 'Stalled', 'ConfigPropagated', 'DNSHealthy', 'NetworkHealthy'],
  );
  const ofObjects = conditions.slice(0, 3);
  return [ofObjects.map(({ status }) => status[0]).join(''), conditions[0]?.reason];
}

for (const [what, message, expected] of [
  ['1,000 characters stay', 'x'.repeat(1000), 'x'.repeat(1000)],
  ['40,000 characters are cut', 'x'.repeat(40_000), `${'x'.repeat(999)}…`],
  ['no surrogate pair is cut in two', `${'x'.repeat(998)}😀😀`, `${'x'.repeat(998)}…`],
] as const)
  test(`a message has at most 1,000 characters: ${what}`, () => {
    const obstacles: Findings['obstacles'] = [{ reason: 'ApplyRejected', message }];
    const { conditions = [] } = statusOf({ ...healthy, obstacles }, undefined, now);
    assert.equal(conditions.find(({ type }) => type === 'Stalled')?.message, expected);
  });

const daemonSet = (change: Partial<DaemonSetProgress>) => ({ daemonSet: { ...done, ...change } });

for (const [what, findings, expected] of [
  ['all agents ready', {}, ['TFF', 'AgentsReady']],
  ['no node to run on', daemonSet({ desired: 0, created: 0, updated: 0, ready: 0 }), ['TFF', 'NoNodes']],
  ['a DaemonSet that nobody acted on', daemonSet({ observedGeneration: 1 }), ['FTF', 'DaemonSetPending']],
  ['no DaemonSet', { daemonSet: undefined }, ['FTF', 'DaemonSetPending']],
  ['pods that do not come', daemonSet({ created: 2, updated: 2, ready: 2 }), ['FTF', 'PodsMissing']],
  ['a rollout', daemonSet({ updated: 1 }), ['FTF', 'RollingOut']],
  ['an agent that is not ready', daemonSet({ ready: 2 }), ['FTF', 'AgentsNotReady']],
  ['an object under deletion', { waitingFor: ['x'] }, ['FTF', 'WaitingForDeletion']],
  [
    'a write that timed out beside another failure',
    { obstacles: (['ApplyFailed', 'WriteTimedOut'] as const).map((reason) => ({ reason, message: 'x' })) },
    ['FTF', 'WriteTimedOut'],
  ],
  ['a failure that passes', { obstacles: [{ reason: 'ApplyFailed', message: 'x' }] }, ['FTF', 'ApplyFailed']],
  ['an object that is not ours', { obstacles: [{ reason: 'ObjectNotOurs', message: 'x' }] }, ['FFT', 'ObjectNotOurs']],
  ['a rival', { obstacles: [{ reason: 'FieldConflict', message: 'x' }] }, ['FFT', 'FieldConflict']],
  ['an object that is refused', { obstacles: [{ reason: 'ApplyRejected', message: 'x' }] }, ['FFT', 'ApplyRejected']],
  ['an image that cannot be pulled', { faults: [pullFailed] }, ['FFT', 'AgentImagePullFailed']],
  [
    'a pod that finds no place',
    { faults: [{ ...pullFailed, reason: 'AgentUnschedulable' }] },
    ['FTF', 'AgentUnschedulable'],
  ],
  ['pods that a quota refuses', { ...daemonSet({ created: 1 }), refusal: 'exceeded quota' }, ['FFT', 'PodsRefused']],
  ['pods that were refused and have come', { refusal: 'exceeded quota' }, ['TFF', 'AgentsReady']],
  [
    'an agent that is killed for its memory',
    { faults: [{ ...pullFailed, reason: 'AgentOOMKilled' }] },
    ['FFT', 'AgentOOMKilled'],
  ],
  [
    'a rollout without progress',
    { ...daemonSet({ updated: 1 }), isOverdue: true },
    ['FFT', 'ProgressDeadlineExceeded'],
  ],
  [
    'a pod that finds no place for long',
    { ...daemonSet({ ready: 2 }), faults: [{ ...pullFailed, reason: 'AgentUnschedulable' }], isOverdue: true },
    ['FFT', 'ProgressDeadlineExceeded'],
  ],
  ['an object under deletion for long', { waitingFor: ['x'], isOverdue: true }, ['FTF', 'WaitingForDeletion']],
  ['a dead node', { ...daemonSet({ ready: 2 }), stranded: [dead] }, ['TFF', 'AgentsReady']],
  [
    'a dead node that runs an older template',
    { ...daemonSet({ ready: 2, updated: 2 }), stranded: [old] },
    ['TFF', 'AgentsReady'],
  ],
  [
    'a dead node and an older template elsewhere',
    { ...daemonSet({ ready: 2, updated: 2 }), stranded: [dead] },
    ['FTF', 'RollingOut'],
  ],
  [
    'a dead node and another agent that is not ready',
    { ...daemonSet({ ready: 1 }), stranded: [dead] },
    ['FTF', 'AgentsNotReady'],
  ],
  [
    'an agent that is not ready and another one on a dead node that the DaemonSet no longer wants',
    { ...daemonSet({ ready: 2, misscheduled: 1 }), stranded: [unwanted] },
    ['FTF', 'AgentsNotReady'],
  ],
  [
    'an agent of an older template and another one on a dead node that the DaemonSet no longer wants',
    { ...daemonSet({ updated: 2, misscheduled: 1 }), stranded: [unwanted] },
    ['FTF', 'RollingOut'],
  ],
  [
    'nodes that are all dead',
    { ...daemonSet({ ready: 0 }), stranded: ['n1', 'n2', 'n3'].map((node) => ({ ...dead, node })) },
    ['FTF', 'AgentsNotReady'],
  ],
  [
    'a dead node where the image could not be pulled',
    { ...daemonSet({ ready: 2 }), stranded: [{ ...dead, node: 'n1' }], faults: [pullFailed] },
    ['TFF', 'AgentsReady'],
  ],
  [
    'the worse of two',
    { faults: [pullFailed], obstacles: [{ reason: 'ObjectNotOurs', message: 'x' }], waitingFor: ['y'] },
    ['FFT', 'ObjectNotOurs'],
  ],
] as [string, Partial<Findings>, [string, string]][])
  test(`${what}: Ready, Reconciling, Stalled are ${expected[0]} because of ${expected[1]}`, () => {
    assert.deepEqual(verdict(findings), expected);
  });

test('the counts are the DaemonSet’s, and everything is about the generation that was applied', () => {
  const status = statusOf({ ...healthy, ...daemonSet({ ready: 1 }) }, undefined, now);
  assert.deepEqual(status.agents, { desired: 3, ready: 1, summary: '1/3' });
  assert.equal(status.observedGeneration, 7);
  assert.deepEqual(
    status.conditions?.map(({ observedGeneration }) => observedGeneration),
    Array(6).fill(7),
  );
});

test('a condition keeps its time while its status stays, whatever the reason, and gets a new one when it turns', () => {
  const first = statusOf({ ...healthy, ...daemonSet({ ready: 1 }) }, undefined, now);
  const second = statusOf({ ...healthy, ...daemonSet({ updated: 1 }) }, first, now + 60_000);
  const third = statusOf(healthy, second, now + 120_000);
  const times = ({ conditions = [] }: NetExporterStatus) =>
    conditions.map(({ lastTransitionTime }) => lastTransitionTime);
  assert.deepEqual(times(first), Array(6).fill('2026-01-01T00:00:00Z'));
  assert.deepEqual(times(second), times(first));
  const [since, changed] = ['2026-01-01T00:00:00Z', '2026-01-01T00:02:00Z'];
  assert.deepEqual(times(third), [changed, changed, since, since, since, since]);
});

test('what did not change gives the very same status', () => {
  const first = statusOf(healthy, undefined, now);
  assert.deepEqual(statusOf(structuredClone(healthy), first, now + 60_000), first);
});

test('nodes are named in a stable order, three of them, and the others counted', () => {
  const faults = ['n4', 'n2', 'n1', 'n5', 'n3'].map((node) => ({ ...pullFailed, node }));
  const { conditions } = statusOf({ ...healthy, faults }, undefined, now);
  const nodes = 'n1 (image:x: ImagePullBackOff), n2 (image:x: ImagePullBackOff), n3 (image:x: ImagePullBackOff)';
  const remedy = 'Check spec.agent.image, spec.agent.imagePullSecrets and the registry.';
  assert.equal(conditions?.[2]?.message, `5 agents cannot pull the image: ${nodes} and 2 more. ${remedy}`);
});

const messages = (findings: Partial<Findings>) => {
  const { conditions = [] } = statusOf({ ...healthy, ...findings }, undefined, now);
  return Object.fromEntries(conditions.map(({ type, message }) => [type, message]));
};

test('an agent on a node that is not ready is counted apart, and its node named', () => {
  const counts = { desired: 500, created: 500, updated: 500, ready: 499 };
  assert.equal(
    messages({ ...daemonSet(counts), stranded: [dead] }).Ready,
    '499 of 500 agents are ready; 1 is on a node that is not ready: node-7. Repair or delete that node.',
  );
  const stranded = ['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => ({ ...dead, node }));
  assert.equal(
    messages({ ...daemonSet({ ...counts, ready: 495 }), stranded }).Ready,
    '495 of 500 agents are ready; 5 are on nodes that are not ready: n1, n2, n3 and 2 more. Repair or delete these nodes.',
  );
  // The DaemonSet may have counted an agent a moment before its node failed.
  assert.equal(messages({ stranded: [dead] }).Ready, '3 of 3 agents are ready.');
  assert.match(messages({ ...daemonSet({ ready: 2 }), stranded: [unwanted] }).Ready!, /^2 of 3 agents are ready\. If/);
});

test('a rollout that a dead node blocks names the node, and is Stalled after ten minutes without progress', () => {
  const findings = { ...daemonSet({ updated: 0, ready: 2 }), stranded: [old] };
  const fact = '0 of 3 agents run the current pod template.';
  const cause =
    'Of the agents, 1 is on a node that is not ready: node-7, and counts against spec.agent.maxUnavailable.';
  const remedy = 'Repair or delete the node, or increase spec.agent.maxUnavailable.';
  assert.deepEqual(verdict(findings), ['FTF', 'RollingOut']);
  assert.equal(messages(findings).Reconciling, `${fact} ${cause} ${remedy}`);
  const overdue = messages({ ...findings, isOverdue: true });
  assert.equal(overdue.Stalled, `No progress for 10 minutes. ${fact} ${cause} ${remedy}`);
  assert.equal(overdue.Ready, overdue.Stalled);
});

test('pods that a quota refuses quote it in Stalled, with their number', () => {
  const { Stalled } = messages({ ...daemonSet({ created: 1, ready: 1 }), refusal: 'exceeded quota: pods' });
  assert.match(Stalled!, /^2 of 3 agents have no pod, because the API server refuses it: exceeded quota: pods\. Raise/);
});

test('a DaemonSet without a status has not been acted on', () => {
  assert.deepEqual(progressOf({ metadata: { generation: 1 } }), {
    generation: 1,
    observedGeneration: 0,
    desired: 0,
    created: 0,
    updated: 0,
    ready: 0,
    misscheduled: 0,
  });
});

const paused: [string, Partial<Findings>, string[]][] = [
  ['agents that run', {}, ['True', 'AgentsReady', 'False']],
  ['no agents yet', { daemonSet: undefined }, ['False', 'Paused', 'False']],
  ['an agent that is not ready', daemonSet({ ready: 2 }), ['False', 'AgentsNotReady', 'False']],
  ['a fault', { faults: [pullFailed] }, ['False', 'AgentImagePullFailed', 'True']],
];
for (const [what, findings, expected] of paused)
  test(`paused with ${what}: the condition says so, and the generation stays what was applied`, () => {
    const before = statusOf({ ...healthy, generation: 4 }, undefined, now);
    const { conditions = [], observedGeneration } = pausedStatusOf({ ...healthy, ...findings }, before, now);
    const [ready, reconciling, stalled] = conditions;
    assert.deepEqual([ready?.status, ready?.reason, stalled?.status], expected);
    assert.deepEqual([reconciling?.status, reconciling?.reason], ['False', 'Paused']);
    assert.match(reconciling!.message, /Remove it to resume/);
    assert.equal(observedGeneration, 4);
  });

test('what another version wrote beside goes: nobody would keep it true', () => {
  const ours = statusOf(healthy, undefined, now);
  const theirs = { ...ours, theirs: [{ kind: 'Node', name: 'n1' }], agents: { ...ours.agents!, slow: 1 } };
  assert.deepEqual(statusOf(healthy, theirs, now), ours);
  assert.deepEqual(pausedStatusOf(healthy, theirs, now), pausedStatusOf(healthy, ours, now));
});

const spread = { agents: 3, configured: 3, reporting: 3, generation: 7, unheard: 0, overdue: [], waiting: [] };

/** The condition ConfigPropagated. */
function propagatedIn({ conditions = [] }: NetExporterStatus) {
  return conditions.find(({ type }) => type === 'ConfigPropagated')!;
}

const lacking = [{ node: 'n1', why: 'no request yet' }];
const sync: [string, Findings['propagation'], [string, string], [number?, number?]][] = [
  ['no sync', undefined, ['Unknown', 'NotSynced'], []],
  ['every agent up to date', spread, ['True', 'AgentsConfigured'], [3, 3]],
  ['no agent at all', { ...spread, agents: 0, configured: 0, reporting: 0 }, ['True', 'NoAgents'], [0, 0]],
  ['one that waits', { ...spread, configured: 2, reporting: 2, waiting: lacking }, ['False', 'AgentsWaiting'], [2, 2]],
  ['agents that cannot call', { obstacle: 'no Service' }, ['False', 'SyncUnavailable'], []],
  ['targets that cannot be planned', { unplanned: 'TypeError: x' }, ['False', 'PlanFailed'], []],
  [
    'one that is overdue',
    { ...spread, configured: 2, reporting: 2, overdue: ['n1'], waiting: lacking },
    ['False', 'AgentsOutOfSync'],
    [2, 2],
  ],
  [
    'one that a new leader has not heard of',
    { ...spread, configured: 2, reporting: 2, unheard: 1, waiting: lacking },
    ['Unknown', 'Warming'],
    [2, 2],
  ],
  [
    'one that a new leader has not heard of beside one that waits',
    { ...spread, configured: 1, reporting: 2, unheard: 1, waiting: lacking },
    ['False', 'AgentsWaiting'],
    [1, 2],
  ],
  ['a leader of this moment', 'early', ['Unknown', 'Warming'], []],
  ['nothing known', 'unknown', ['Unknown', 'Warming'], []],
];
for (const [what, propagation, expected, [configured, reporting]] of sync)
  test(`with ${what} ConfigPropagated is ${expected.join(' because of ')}`, () => {
    const known = statusOf({ ...healthy, propagation }, undefined, now);
    const { agents } = known;
    assert.deepEqual([propagatedIn(known).status, propagatedIn(known).reason], expected);
    assert.deepEqual([agents?.configured, agents?.reporting], [configured, reporting]);
    assert.equal(agents?.summary, '3/3');
  });

test('a leader of this moment leaves figures and condition as they were; one that knows nothing takes them back', () => {
  const before = statusOf({ ...healthy, propagation: spread }, undefined, now);
  assert.equal(before.agents?.generation, 7);
  assert.deepEqual(statusOf({ ...healthy, propagation: 'early' }, before, now + 60_000), before);
  const edited = statusOf({ ...healthy, generation: 8, propagation: 'early' }, before, now + 60_000);
  const { status, reason, observedGeneration } = propagatedIn(edited);
  assert.deepEqual([status, reason, observedGeneration], ['Unknown', 'Warming', 8], 'nothing is known of the edit');
  const unknown = statusOf({ ...healthy, propagation: 'unknown' }, before, now);
  assert.deepEqual(unknown.agents, { desired: 3, ready: 3, summary: '3/3' });
  assert.deepEqual([propagatedIn(unknown).status, propagatedIn(unknown).reason], ['Unknown', 'Warming']);
});

test('a leader that has not applied the spec counts only the agents that report', () => {
  const before = statusOf({ ...healthy, propagation: spread }, undefined, now);
  const propagation = { unapplied: true, reporting: 2 } as const;
  const unapplied = statusOf({ ...healthy, propagation }, before, now);
  const paused = pausedStatusOf({ ...healthy, propagation }, before, now);
  for (const [known, reason] of [
    [unapplied, 'NotApplied'],
    [paused, 'Paused'],
  ] as const) {
    assert.deepEqual(known.agents, { desired: 3, ready: 3, reporting: 2, summary: '3/3' });
    assert.deepEqual([propagatedIn(known).status, propagatedIn(known).reason], ['Unknown', reason]);
  }
});

test('limits that the spec exceeds are in ConfigPropagated, or in Ready if this operator does not sync', () => {
  const exceeded = ['Agents look up only the first 13 of 64 names.'];
  const said = (findings: Partial<Findings>) => {
    const { conditions = [] } = statusOf({ ...healthy, exceeded, ...findings }, undefined, now);
    return conditions.filter(({ message }) => message.includes(exceeded[0]!)).map(({ type, reason }) => [type, reason]);
  };
  assert.deepEqual(said({ propagation: spread }), [['ConfigPropagated', 'ProbesLimited']]);
  const propagation = { ...spread, configured: 2, waiting: lacking };
  assert.deepEqual(said({ propagation }), [['ConfigPropagated', 'AgentsWaiting']]);
  assert.deepEqual(said({}), [['Ready', 'AgentsReady']]);
});

test('a paused NetExporter and one that waits for finalizers still say which limits its spec exceeds', () => {
  const exceeded = ['Agents look up only the first 13 of 64 names.'];
  const findings = { ...healthy, exceeded };
  const said = ({ conditions = [] }: NetExporterStatus) =>
    conditions.filter(({ message }) => message.includes(exceeded[0]!)).map(({ type, reason }) => [type, reason]);
  const synced = { ...findings, propagation: spread };
  assert.deepEqual(said(pausedStatusOf(synced, undefined, now)), [['ConfigPropagated', 'ProbesLimited']]);
  assert.deepEqual(said(pausedStatusOf(findings, undefined, now)), [['Ready', 'AgentsReady']]);
  assert.deepEqual(said(heldStatusOf(['a/b'], synced, undefined, now)), [['ConfigPropagated', 'ProbesLimited']]);
});

test('agents that wait are named with what they lack, and the others counted', () => {
  const waiting = ['n1', 'n2', 'n3'].map((node) => ({ node, why: 'outdated settings' }));
  const propagation = { ...spread, configured: 1, agents: 9, waiting };
  const status = statusOf({ ...healthy, propagation }, undefined, now);
  const named = waiting.map(({ node, why }) => `${node} (${why})`).join(', ');
  const count = '1 of 9 agents have the current settings and targets.';
  const usual = 'Agents that are ready usually follow within seconds.';
  const remedy = 'If this persists, check the logs of these agents.';
  const message = `${count} Waiting for: ${named} and 5 more. ${usual} ${remedy}`;
  assert.equal(propagatedIn(status).message, message);
});

test('of the pairs of zones between which nobody probes one is named, and the others are counted', () => {
  const messageOf = (count: number) => {
    const unlinked = { count, first: ['a', 'b'] } as const;
    const propagation = { ...spread, unlinked };
    const { status, message } = propagatedIn(statusOf({ ...healthy, propagation }, undefined, now));
    return [status, message];
  };
  const first = '3 of 3 agents have the current settings and targets. No agent probes from zone a to zone b,';
  const last = 'because there are too few agents. Increase spec.network.peersPerAgent or the number of agents.';
  assert.deepEqual(messageOf(1), ['True', `${first} ${last}`]);
  assert.deepEqual(messageOf(2), ['True', `${first} nor across 1 more pair of zones, ${last}`]);
  assert.deepEqual(messageOf(3), ['True', `${first} nor across 2 more pairs of zones, ${last}`]);
});

test('a DNS Service that is not there is named with what to write', () => {
  const dnsFault = { service: 'kube-system/corends', reason: 'missing' } as const;
  const propagation = { ...spread, dnsFault };
  const { status, message } = propagatedIn(statusOf({ ...healthy, propagation }, undefined, now));
  assert.equal(status, 'True');
  assert.match(
    message,
    /because the Service kube-system\/corends in spec\.dns\.service has no EndpointSlice\. Set spec\.dns\.service to/,
  );
});

test('a DNS Service that is one too many is named, also while agents are waited for', () => {
  const dnsFault = { service: 'team-65/dns', reason: 'beyondLimit' } as const;
  const waiting = [{ node: 'n1', why: 'no request yet' }];
  for (const propagation of [
    { ...spread, dnsFault },
    { ...spread, configured: 2, waiting, dnsFault },
  ]) {
    const { message } = propagatedIn(statusOf({ ...healthy, propagation }, undefined, now));
    assert.match(
      message,
      /Service team-65\/dns in spec\.dns\.service is not watched: NetExporters already refer to 64 other Services/,
    );
  }
});

test('a DNS Service with too many endpoints is named', () => {
  const propagation = { ...spread, dnsFault: { service: 'kube-system/dns', reason: 'tooManyPods' } as const };
  const { status, message } = propagatedIn(statusOf({ ...healthy, propagation }, undefined, now));
  assert.equal(status, 'True');
  assert.match(
    message,
    /query only some pods of the Service kube-system\/dns in spec\.dns\.service, which has over 1000 endpoints\./,
  );
});

test('agents that are not ready are named, so that the condition alone says whose logs to read', () => {
  const unready = ['two-agent-x7k on node-3'];
  const { conditions } = statusOf({ ...healthy, ...daemonSet({ ready: 2 }), unready }, undefined, now);
  assert.match(
    conditions!.find(({ type }) => type === 'Ready')!.message,
    /^2 of 3 agents are ready\. Not ready: two-agent-x7k on node-3\. If this persists, check the logs and Events/,
  );
});

for (const [what, why, overdue, expected] of [
  [
    'that has not called yet',
    'no request yet',
    [],
    /follow within seconds\. If this persists, check in this order: whether/,
  ],
  [
    'that calls',
    'outdated settings',
    [],
    /follow within seconds\. If this persists, check the logs of these agents\.$/,
  ],
  [
    'that no longer calls',
    'no longer sends requests',
    ['n1'],
    /\. Check in this order: whether the node is ready, the log/,
  ],
  ['that calls and stays behind', 'no targets yet', ['n1'], /\. Check the logs of these agents\.$/],
] as const)
  test(`what to check about an agent ${what} is in the order of likelihood`, () => {
    const propagation = { ...spread, configured: 2, overdue, waiting: [{ node: 'n1', why }] };
    const message = messages({ propagation }).ConfigPropagated!;
    assert.match(message, expected);
    if (why.includes('request')) assert.match(message, /the Service net-exporter-operator-sync \(kube-proxy, Netw/);
  });

/** Findings for each state in which someone may have to act, or wait. Obstacles have their own messages. */
const troubles: [string, Partial<Findings>][] = [
  ['no node', daemonSet({ desired: 0, created: 0, updated: 0, ready: 0 })],
  ['no DaemonSet', { daemonSet: undefined }],
  ['missing pods', daemonSet({ created: 2, updated: 2, ready: 2 })],
  ['a rollout', daemonSet({ updated: 1 })],
  ['a rollout that a node delays', { ...daemonSet({ updated: 1, ready: 2 }), stranded: [old] }],
  ['an agent that is not ready', { ...daemonSet({ ready: 2 }), unready: ['a on n1'] }],
  ['no progress', { ...daemonSet({ updated: 1 }), isOverdue: true }],
  ['a node that is not ready', { ...daemonSet({ ready: 2 }), stranded: [dead] }],
  ['an object under deletion', { waitingFor: ['Service a is being deleted.'] }],
  ['pods that are refused', { ...daemonSet({ created: 1 }), refusal: 'exceeded quota' }],
  ...faultReasons.map((reason): [string, Partial<Findings>] => [reason, { faults: [{ ...pullFailed, reason }] }]),
  ...(['early', 'unknown', { unapplied: true, reporting: 1 }, { obstacle: 'x' }, { unplanned: 'x' }] as const).map(
    (propagation): [string, Partial<Findings>] => [JSON.stringify(propagation), { propagation }],
  ),
  [
    'an agent that waits',
    { propagation: { ...spread, configured: 2, waiting: [{ node: 'n1', why: 'no request yet' }] } },
  ],
];

const good = ['AgentsConfigured', 'Settled', 'NoObstacle', 'Stalled', 'NotSynced'];
const nextStep =
  /\b(Check|check|Correct|correct|Repair|Increase|Free|see|See|retries|resolves|tries again|Change|Raise|replaced|Remove)\b/;

for (const [what, findings] of troubles)
  test(`every condition says what to do, or that it resolves: ${what}`, () => {
    for (const compute of [statusOf, pausedStatusOf])
      for (const condition of compute({ ...healthy, ...findings }, undefined, now).conditions ?? []) {
        const { type, status, reason, message } = condition;
        const isGood = good.includes(reason) || message === '3 of 3 agents are ready.';
        if (!isGood && !type.endsWith('Healthy')) assert.match(message, nextStep, `${type} ${status} ${reason}`);
      }
  });

test('a fault of the network or of DNS leaves Ready True, on which deployment tools wait', () => {
  const suspects = suspectKinds.map((kind) => deadNode({ kind, name: kind }));
  const well = statusOf({ ...healthy, propagation: spread, judged: judgedFleet() }, undefined, now);
  const faulty = statusOf(
    { ...healthy, propagation: spread, judged: judgedFleet({ verdict: { suspects } }) },
    well,
    now + 60_000,
  );
  const of = ({ conditions = [] }: NetExporterStatus) => Object.groupBy(conditions, ({ type }) => type);
  for (const type of ['Ready', 'Reconciling', 'Stalled', 'ConfigPropagated'])
    assert.deepEqual(of(faulty)[type], of(well)[type], type);
  for (const type of ['DNSHealthy', 'NetworkHealthy']) {
    const [{ status, lastTransitionTime } = assert.fail(type)] = of(faulty)[type] ?? [];
    assert.deepEqual([status, lastTransitionTime], ['False', '2026-01-01T00:01:00Z']);
  }
});

test('a condition about health is of the generation that was judged', () => {
  const edited = { ...healthy, generation: 8, propagation: spread, judged: judgedFleet({ generation: 7 }) };
  const { conditions = [] } = statusOf(edited, undefined, now);
  assert.deepEqual(
    conditions.map(({ observedGeneration }) => observedGeneration),
    [8, 8, 8, 8, 7, 7],
  );
});
