import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  agentCount,
  configuredCount,
  isApplied,
  isWantedSomewhere,
  lacksOf,
  reportingCount,
  wantedGeneration,
} from '../../../../soak/operations/agents-truth.ts';
import { agents, daemonSet, moment, node, now, pod, resource, sample, wellStatus } from './world.ts';

const exactly = (count: number) => ({ least: count, most: count });

test('agents that are well lack nothing', () => {
  assert.deepEqual(lacksOf(moment()), []);
});

test('each lack is seen by what the API says', () => {
  assert.deepEqual(lacksOf(moment({ daemonSet: undefined })), ['unapplied']);
  assert.deepEqual(lacksOf(moment({ daemonSet: { ...daemonSet, owner: 'other' } })), ['unapplied']);
  assert.deepEqual(lacksOf(moment({ daemonSet: { ...daemonSet, observedGeneration: 4 } })), ['unobserved']);
  assert.deepEqual(lacksOf(moment({ daemonSet: { ...daemonSet, current: 1 }, pods: [pod('node-1')] })), ['missing']);
  const old = pod('node-2', { template: 3, revision: 'of-3' });
  const half = { ...daemonSet, updated: 1 };
  assert.deepEqual(lacksOf(moment({ daemonSet: half, pods: [pod('node-1'), old] })), ['outdated']);
  assert.deepEqual(lacksOf(moment({ pods: [pod('node-1'), pod('node-2', { isReady: false })] })), ['notReady']);
});

test('a pod of a template that was changed and changed back is current', () => {
  const before = pod('node-2', { template: 2 });
  const half = { ...daemonSet, updated: 1 };
  assert.deepEqual(lacksOf(moment({ daemonSet: half, pods: [pod('node-1'), before] })), [], 'of the same content');
  const pods = [pod('node-1', { template: 2, revision: 'of-2' }), pod('node-2', { template: 2, revision: 'of-2' })];
  assert.deepEqual(lacksOf(moment({ pods })), [], 'the DaemonSet controller counts both as current');
  assert.deepEqual(lacksOf(moment({ daemonSet: { ...half, updated: 0 }, pods })), ['outdated']);
});

test('an agent on a node that is not ready lacks nothing, unless no agent is ready at all', () => {
  const nodes = [node('node-1'), node('node-2', false)];
  const lost = pod('node-2', { isReady: false, template: 3 });
  assert.deepEqual(lacksOf(moment({ nodes, pods: [pod('node-1'), lost] })), []);
  const all = [node('node-1', false), node('node-2', false)];
  assert.deepEqual(lacksOf(moment({ nodes: all, pods: [pod('node-1', { isReady: false }), lost] })), ['notReady']);
});

test('a pod of an older template that is going is none that lacks', () => {
  const pods = [pod('node-1'), pod('node-2'), pod('node-2', { uid: 'old', isDeleting: true, template: 3 })];
  assert.deepEqual(lacksOf(moment({ pods })), []);
});

test('a DaemonSet is applied when it says what the spec does; a paused one is what it was', () => {
  const agent = { ...resource.agent, image: 'agent:2' };
  assert.equal(isApplied(moment()), true);
  assert.equal(isApplied(moment({ resource: { ...resource, agent } })), false);
  assert.equal(isApplied(moment({ resource: { ...resource, agent, isPaused: true } })), true);
  const elsewhere = { ...resource.agent, nodeSelector: { disk: 'ssd' } };
  assert.equal(isApplied(moment({ resource: { ...resource, agent: elsewhere } })), false);
  const intolerant = { ...resource.agent, tolerations: [] };
  assert.equal(isApplied(moment({ resource: { ...resource, agent: intolerant } })), false);
});

test('agents are wanted where a node that is ready has the labels', () => {
  const selective = { ...resource, agent: { ...resource.agent, nodeSelector: { disk: 'ssd' } } };
  assert.equal(isWantedSomewhere(moment({ resource: selective })), false);
  const nodes = [node('node-1', true, { disk: 'ssd' }), node('node-2')];
  assert.equal(isWantedSomewhere(moment({ resource: selective, nodes })), true);
  const dead = [node('node-1', false, { disk: 'ssd' }), node('node-2')];
  assert.equal(isWantedSomewhere(moment({ resource: selective, nodes: dead })), false);
});

test('an agent reports for 45 seconds after it was answered, and for a hold more it may', () => {
  const aged = (syncAge: number) => reportingCount(moment({ agents: agents({}, { syncAge }) }));
  assert.deepEqual(aged(44_000), exactly(2));
  assert.deepEqual(aged(46_000), { least: 1, most: 2 });
  assert.deepEqual(aged(62_000), exactly(1));
});

test('an agent that was never answered reports not for sure', () => {
  assert.deepEqual(reportingCount(moment({ agents: agents({}, { answers: 0 }) })), { least: 1, most: 2 });
});

test('a new leader has heard only of agents that it has answered, though it may hold a request for a while', () => {
  const led = (forMs: number) =>
    reportingCount(
      moment({
        leader: { pod: 'operator-2', since: now - forMs },
        agents: agents({ syncAge: 1000 }, { syncAge: 30_000 }),
      }),
    );
  assert.deepEqual(led(10_000), { least: 1, most: 2 });
  assert.deepEqual(led(20_000), exactly(1));
});

test('without a leader nobody is heard of', () => {
  assert.deepEqual(reportingCount(moment({ leader: undefined })), exactly(0));
});

test('an agent that does not answer the observer is not known to report', () => {
  assert.deepEqual(reportingCount(moment({ agents: agents({}, { at: now - 5000 }) })), { least: 1, most: 2 });
  assert.deepEqual(reportingCount(moment({ agents: new Map([['pod-node-1', sample()]]) })), { least: 1, most: 2 });
});

test('agents are configured that report and use the generation; what changes in the next sample is either', () => {
  assert.deepEqual(configuredCount(moment(), 3), exactly(2));
  assert.deepEqual(configuredCount(moment(), 4), exactly(0));
  const turning = sample({ generation: 2, next: sample({ at: now + 700, generation: 3 }) });
  const changing = moment({ agents: new Map([...agents({}, {}), ['pod-node-2', turning]]) });
  assert.deepEqual(configuredCount(changing, 3), { least: 1, most: 2 });
  const later = sample({ generation: 2, next: sample({ at: now + 5000, generation: 3 }) });
  const unchanged = moment({ agents: new Map([...agents({}, {}), ['pod-node-2', later]]) });
  assert.deepEqual(configuredCount(unchanged, 3), exactly(1));
});

test('an agent that gets other targets soon may have lacked them', () => {
  const turning = sample({ next: sample({ at: now + 700, revision: 71 }) });
  const changing = moment({ agents: new Map([...agents({}, {}), ['pod-node-2', turning]]) });
  assert.deepEqual(configuredCount(changing, 3), { least: 1, most: 2 });
});

test('a pod that is being deleted may still be an agent', () => {
  assert.deepEqual(agentCount(moment({ pods: [pod('node-1'), pod('node-2', { isDeleting: true })] })), {
    least: 1,
    most: 2,
  });
  assert.deepEqual(agentCount(moment({ pods: [pod('node-1'), pod('node-2', { hasEnded: true })] })), exactly(1));
});

test('a paused NetExporter wants the generation that its agents had', () => {
  const status = { ...wellStatus, agents: { ...wellStatus.agents!, generation: 2 } };
  assert.equal(wantedGeneration(moment({ resource: { ...resource, status } })), 3);
  assert.equal(wantedGeneration(moment({ resource: { ...resource, status, isPaused: true } })), 2);
});
