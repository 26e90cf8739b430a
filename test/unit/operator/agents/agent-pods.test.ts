import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { AgentPods } from '../../../../src/operator/agents/agent-pods.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import type { KubeObject, ObjectMeta } from '../../../../src/operator/kube/kube-object.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';

const key = 'monitoring/default-agent';

/** A NetExporter whose DaemonSet `d` has two pods. */
function setUp() {
  const pods = new Store<AgentPod>({ owner: ({ owner }) => [owner] });
  const daemonSets = new Store<KubeObject>();
  const agentPods = new AgentPods(pods, daemonSets);
  const resource = netExporter();
  const pod = (uid: string, parts: Partial<AgentPod> = {}) =>
    pods.set(`monitoring/${uid}`, agentPod({ uid, ...parts }));
  const daemonSet = (uid: string, parts: Partial<ObjectMeta> & { owner?: string | undefined } = {}) => {
    const { owner = resource.metadata.uid, ...metadata } = parts;
    const ownerReference = {
      apiVersion: 'net-exporter.dev/v1alpha1',
      kind: 'NetExporter',
      name: 'default',
      uid: owner,
    };
    daemonSets.set(key, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: {
        ...{ name: 'default-agent', namespace: 'monitoring', uid, resourceVersion: '1' },
        ownerReferences: [{ ...ownerReference, controller: true }],
        ...metadata,
      },
    });
  };
  daemonSet('d');
  pod('p1');
  pod('p2');
  /** Each agent, with `-` where it leaves. */
  const asked = (of = resource) =>
    agentPods
      .of(of)
      .map(({ uid, deleting }) => (deleting ? `${uid}-` : uid))
      .sort();
  /** The same after a look at what there is now. */
  const agents = (of = resource, isGone = false) => {
    agentPods.update(of, isGone);
    return asked(of);
  };
  assert.deepEqual(agents(), ['p1', 'p2']);
  return { pods, daemonSets, agentPods, resource, pod, daemonSet, agents, asked };
}

test('a pod is an agent from the moment at which its DaemonSet is known until it is gone, and no other pod is', () => {
  const { pods, daemonSets, agentPods, pod, daemonSet, agents } = setUp();
  const isAgent = (uid: string) => agentPods.isAgent(pods.get(`monitoring/${uid}`)!);
  pod('p3', { controller: 'other' });
  pod('p4', { controller: undefined });
  assert.deepEqual(['p1', 'p3', 'p4'].map(isAgent), [true, false, false]);
  daemonSet('e');
  pod('p5', { controller: 'e' });
  assert.deepEqual(['p1', 'p5'].map(isAgent), [true, true], 'the old one and the new one');
  agents();
  assert.deepEqual(['p1', 'p5'].map(isAgent), [true, true]);
  daemonSets.delete(key);
  agents();
  assert.equal(isAgent('p5'), true, 'while it is being deleted');
  for (const uid of ['p1', 'p2']) pods.delete(`monitoring/${uid}`);
  agents();
  pod('p1');
  assert.equal(isAgent('p1'), false);
});

test('the pods of a DaemonSet that is not the NetExporter’s are no agents', () => {
  const { pods, agentPods, pod, daemonSet } = setUp();
  pod('p3', { controller: 'foreign' });
  daemonSet('foreign', { ownerReferences: [] });
  assert.equal(agentPods.isAgent(pods.get('monitoring/p3')!), false);
});

test('whoever has the labels of agents, but not their DaemonSet, is none', () => {
  const { pod, agents } = setUp();
  pod('p3', { controller: 'other' });
  pod('p4', { controller: undefined });
  assert.deepEqual(agents(), ['p1', 'p2']);
  const stranger = setUp();
  stranger.daemonSet('e', { owner: 'another' });
  stranger.pod('p3', { controller: 'e' });
  assert.deepEqual(stranger.agents(), ['p1', 'p2']);
});

test('a pod that is deleted leaves alone while its DaemonSet is there', () => {
  const { pod, agents } = setUp();
  pod('p1', { deleting: true });
  assert.deepEqual(agents(), ['p1-', 'p2']);
});

test('when a DaemonSet is gone all of its pods leave as soon as one is deleted, until the last is gone', () => {
  const { pods, daemonSets, pod, agents, agentPods, resource } = setUp();
  daemonSets.delete(key);
  assert.deepEqual(agents(), ['p1', 'p2'], 'it may have lost its label only');
  pod('p1', { deleting: true });
  assert.deepEqual(agents(), ['p1-', 'p2-']);
  assert.equal(agentPods.of(resource)[1], agentPods.of(resource)[1], 'the same is the same object');
  pods.delete('monitoring/p1');
  assert.deepEqual(agents(), ['p2-'], 'although none is deleted at present');
  pods.delete('monitoring/p2');
  assert.deepEqual(agents(), []);
  pod('p3');
  assert.deepEqual(agents(), [], 'it is not remembered any longer');
});

test('so it is while a DaemonSet is being deleted, but not where it orphans its pods', () => {
  const { pod, agents, daemonSet } = setUp();
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  daemonSet('d', { deletionTimestamp, finalizers: ['orphan'] });
  pod('p1', { deleting: true });
  assert.deepEqual(agents(), ['p1-', 'p2']);
  daemonSet('d', { deletionTimestamp, finalizers: ['foregroundDeletion'] });
  assert.deepEqual(agents(), ['p1-', 'p2-']);
});

test('beside the pods of a DaemonSet that was deleted there are those of the one made anew', () => {
  const { daemonSet, pod, agents } = setUp();
  daemonSet('e');
  pod('p1', { deleting: true });
  pod('p3', { controller: 'e' });
  assert.deepEqual(agents(), ['p1-', 'p2-', 'p3']);
});

test('a DaemonSet that comes back with the same uid keeps its pods', () => {
  const { daemonSets, daemonSet, pod, agents } = setUp();
  daemonSets.delete(key);
  pod('p1', { deleting: true });
  assert.deepEqual(agents(), ['p1-', 'p2-']);
  daemonSet('d');
  assert.deepEqual(agents(), ['p1-', 'p2']);
});

test('a DaemonSet without an owner has agents while the NetExporter is there, and none when that is gone', () => {
  const { daemonSet, agents } = setUp();
  daemonSet('d', { ownerReferences: [] });
  assert.deepEqual(agents(), ['p1', 'p2']);
  assert.deepEqual(agents(undefined, true), []);
  assert.deepEqual(agents(), []);
});

test('of a NetExporter that is gone the agents are those of its DaemonSet, until that is gone with them', () => {
  const { daemonSets, pod, pods, agents } = setUp();
  assert.deepEqual(agents(undefined, true), ['p1', 'p2']);
  daemonSets.delete(key);
  pod('p2', { deleting: true });
  assert.deepEqual(agents(undefined, true), ['p1-', 'p2-']);
  pods.replace(new Map());
  assert.deepEqual(agents(undefined, true), []);
});

test('another NetExporter of the same name has the pods that the one before left only while they leave', () => {
  const { daemonSets, daemonSet, pod, agents } = setUp();
  const other = netExporter();
  other.metadata.uid = 'another';
  assert.deepEqual(agents(other), []);
  daemonSet('d', { ownerReferences: [] });
  assert.deepEqual(agents(other), [], 'nor does it have those that were orphaned');
  daemonSets.delete(key);
  assert.deepEqual(agents(other), []);
  pod('p1', { deleting: true });
  assert.deepEqual(agents(other), ['p1-', 'p2-']);
});

test('nobody takes peers from the agents of a paused NetExporter, whose DaemonSet may have lost its label, until it is gone', () => {
  const { daemonSets, pod, agents, resource } = setUp();
  const annotations = { 'net-exporter.dev/paused': 'true' };
  const paused = { ...resource, metadata: { ...resource.metadata, annotations } };
  daemonSets.delete(key);
  pod('p1', { deleting: true });
  assert.deepEqual(agents(paused), ['p1-', 'p2']);
  assert.deepEqual(agents(paused, true), ['p1-', 'p2-']);
});

test('to ask changes nothing: which agents there are does not depend on how often, nor when, it was asked', () => {
  const [often, once] = [setUp(), setUp()];
  for (const { daemonSets, pod, pods, asked } of [often, once]) {
    const ask = () => (asked === often.asked ? asked() : undefined);
    daemonSets.delete(key);
    ask();
    pod('p1', { deleting: true });
    ask();
    ask();
    pods.delete('monitoring/p1');
    ask();
  }
  assert.deepEqual(often.asked(), ['p2']);
  assert.deepEqual([often.agents(), often.asked()], [once.agents(), once.asked()]);
});
