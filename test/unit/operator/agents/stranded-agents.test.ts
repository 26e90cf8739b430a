import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { type DaemonSetPods, strandedAgents } from '../../../../src/operator/agents/stranded-agents.ts';
import { currentTemplateOf } from '../../../../src/operator/kube/pod-template.ts';
import { agentPod } from '../agent-pod-builder.ts';

const off = (node: string, parts = {}) => agentPod({ node, ready: false, ...parts });

/** The agents of the DaemonSet `d` that are stranded. */
const stranded = (pods: AgentPod[], nodes: { name: string }[], daemonSet: Partial<DaemonSetPods> = {}) =>
  strandedAgents({ uid: 'd', template: 2, idleMisscheduled: 0, ...daemonSet }, nodes, (node) =>
    pods.filter((pod) => pod.node === node),
  );

test('agents on nodes that are not ready are told, by node, with those that a rollout cannot replace', () => {
  const pods = [
    off('n3', { template: 1 }),
    off('n1', { template: 2 }),
    agentPod({ node: 'n2' }),
    off('n4', { controller: 'other' }),
  ];
  const nodes = ['n3', 'n2', 'n1', 'n4', 'n5'].map((name) => ({ name }));
  const found = stranded(pods, nodes);
  assert.deepEqual(found, [
    { node: 'n1', isOutdated: false, isDesired: true },
    { node: 'n3', isOutdated: true, isDesired: true },
  ]);
});

test('without a number of the template no agent is taken for outdated', () => {
  const found = stranded([off('n1')], [{ name: 'n1' }], { template: undefined });
  assert.deepEqual(found, [{ node: 'n1', isOutdated: false, isDesired: true }]);
});

test('of the stranded agents as many are not desired as the DaemonSet does not want, first those under deletion', () => {
  const pods = [off('n1'), off('n2'), off('n3', { deleting: true })];
  const nodes = pods.map(({ node }) => ({ name: node }));
  const desired = (idleMisscheduled: number) =>
    stranded(pods, nodes, { idleMisscheduled })
      .filter(({ isDesired }) => isDesired)
      .map(({ node }) => node);
  assert.deepEqual([0, 1, 2, 9].map(desired), [['n1', 'n2', 'n3'], ['n1', 'n2'], ['n2'], []]);
});

test('the number of the template is in an annotation of the DaemonSet', () => {
  const annotations = { 'deprecated.daemonset.template.generation': '7' };
  assert.equal(currentTemplateOf({ metadata: { annotations } }), 7);
  assert.equal(currentTemplateOf({ metadata: { annotations: {} } }), undefined);
  assert.equal(currentTemplateOf({ metadata: {} }), undefined);
});
