import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsIn } from '../../../../soak/operations/message-claims.ts';
import type { Moment } from '../../../../soak/operations/moment.ts';
import { agents, condition, daemonSet, moment, node, pod } from './world.ts';

/** The claims of a message that are false. */
function falseIn(message: string, at: Moment, reason = 'AgentsReady'): string[] {
  const claims = claimsIn(condition('Ready', 'True', reason, message));
  assert.notEqual(claims.length, 0, message);
  return claims.filter(({ isTrue }) => !isTrue(at)).map(({ text }) => text);
}

test('counts of agents that are ready are those of the DaemonSet', () => {
  assert.deepEqual(falseIn('2 of 2 agents are ready.', moment()), []);
  assert.deepEqual(falseIn('1 of 2 agents are ready.', moment()), ['1 of 2 agents are ready']);
  assert.deepEqual(falseIn('2 of 2 agents are ready.', moment({ daemonSet: { ...daemonSet, owner: 'other' } })), [
    '2 of 2 agents are ready',
  ]);
});

test('nodes that are said not to be ready are not', () => {
  const message = '1 of 2 agents are ready; 1 is on a node that is not ready: node-2.';
  const nodes = [node('node-1'), node('node-2', false)];
  const lost = moment({ nodes, daemonSet: { ...daemonSet, ready: 1 } });
  assert.deepEqual(falseIn(message, lost), []);
  assert.deepEqual(falseIn(message, moment({ daemonSet: { ...daemonSet, ready: 1 } })), ['node-2 is not ready']);
  const both = '0 of 2 agents are ready; 2 are on nodes that are not ready: node-1, node-2.';
  assert.deepEqual(falseIn(both, moment({ nodes, daemonSet: { ...daemonSet, ready: 0 } })), ['node-1 is not ready']);
});

test('counts of pods that are missing or of an older template are those of the DaemonSet', () => {
  const missing = moment({ daemonSet: { ...daemonSet, current: 1 } });
  assert.deepEqual(falseIn('1 of 2 agents has no pod.', moment()), ['1 of 2 agents has no pod']);
  assert.deepEqual(falseIn('1 of 2 agents have no pod. If this persists', missing), []);
  const rolling = moment({ daemonSet: { ...daemonSet, updated: 1 } });
  assert.deepEqual(falseIn('1 of 2 agents run the current pod template.', rolling), []);
  assert.deepEqual(falseIn('1 of 2 agents run the current pod template.', moment()), [
    '1 of 2 agents run the current pod template',
  ]);
});

test('agents that are waited for lack what is said of them', () => {
  const message =
    '1 of 2 agents have the current settings and targets. Waiting for: node-2 (outdated settings). Agents that are ready usually follow within seconds. If this persists, check the logs of these agents.';
  assert.deepEqual(falseIn(message, moment({ agents: agents({}, { generation: 2 }) })), []);
  assert.deepEqual(falseIn(message, moment()), [
    '1 of 2 agents have the current settings and targets',
    'node-2 (outdated settings)',
  ]);
  const silent =
    'Waiting for: node-2 (no longer sends requests). Check in this order: whether the node is ready, the log of its agent.';
  assert.deepEqual(falseIn(silent, moment({ agents: agents({}, { syncAge: 70_000 }) })), []);
  assert.deepEqual(falseIn(silent, moment()), ['node-2 (no longer sends requests)']);
});

test('pods that are said not to be ready are not, each on its node', () => {
  const message = '1 of 2 agents are ready. Not ready: soak-agent-node-2 on node-2. If this persists, check the logs.';
  const lost = { daemonSet: { ...daemonSet, ready: 1 }, pods: [pod('node-1'), pod('node-2', { isReady: false })] };
  assert.deepEqual(falseIn(message, moment(lost), 'AgentsNotReady'), []);
  assert.deepEqual(falseIn(message.replace('-2 on', '-1 on'), moment(lost), 'AgentsNotReady'), [
    'soak-agent-node-1 on node-2 is not ready',
  ]);
  assert.deepEqual(falseIn(message, moment({ daemonSet: lost.daemonSet }), 'AgentsNotReady'), [
    'soak-agent-node-2 on node-2 is not ready',
  ]);
});

test('what an agent is said to lack is one of what agents can lack', () => {
  assert.deepEqual(falseIn('Waiting for: node-2 (something else). Check the logs.', moment()), [
    'node-2 (something else)',
  ]);
});

test('targets are not known, but the node has an agent', () => {
  const message = 'Waiting for: node-2 (outdated targets), node-3 (no targets yet). If this persists, check the logs.';
  assert.deepEqual(falseIn(message, moment()), ['node-3 (no targets yet)']);
});

test('nodes in the message of a fault have a pod with that fault', () => {
  const message =
    '1 agent cannot pull the image: node-2 (localhost/no-such-agent:1: ImagePullBackOff). Check spec.agent.image.';
  const pods = [pod('node-1'), pod('node-2', { waiting: 'ErrImagePull' })];
  assert.deepEqual(falseIn(message, moment({ pods }), 'AgentImagePullFailed'), []);
  assert.equal(falseIn(message, moment(), 'AgentImagePullFailed').length, 1);
});
