import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentTemplateOf } from '../../../../src/operator/agents/pod-template.ts';
import { strandedAgents } from '../../../../src/operator/agents/stranded-agents.ts';
import { agentPod } from '../agent-pod-builder.ts';

const off = (node: string, parts = {}) => agentPod({ node, ready: false, ...parts });

test('agents on nodes that are not ready are told, by node, with those that a rollout cannot replace', () => {
  const pods = [
    off('n3', { template: 1 }),
    off('n1', { template: 2 }),
    agentPod({ node: 'n2' }),
    off('n4', { controller: 'other' }),
  ];
  const nodes = ['n3', 'n2', 'n1', 'n4', 'n5'].map((name) => ({ name }));
  const found = strandedAgents({ uid: 'd', template: 2 }, nodes, (node) => pods.filter((pod) => pod.node === node));
  assert.deepEqual(found, [
    { node: 'n1', isOutdated: false },
    { node: 'n3', isOutdated: true },
  ]);
});

test('without a number of the template no agent is taken for outdated', () => {
  const found = strandedAgents({ uid: 'd', template: undefined }, [{ name: 'n1' }], () => [off('n1')]);
  assert.deepEqual(found, [{ node: 'n1', isOutdated: false }]);
});

test('the number of the template is in an annotation of the DaemonSet', () => {
  const annotations = { 'deprecated.daemonset.template.generation': '7' };
  assert.equal(currentTemplateOf({ metadata: { annotations } }), 7);
  assert.equal(currentTemplateOf({ metadata: { annotations: {} } }), undefined);
  assert.equal(currentTemplateOf({ metadata: {} }), undefined);
});
