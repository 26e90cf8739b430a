import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pausedAnnotation } from '../../../../src/contract/agent-names.ts';
import type { NetExporter } from '../../../../src/crd/net-exporter.ts';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { Fleet } from '../../../../src/operator/agents/fleet.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { keyOf } from '../../../../src/operator/kube/kube-object.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import type { Report } from '../../../../src/protocol/report.ts';
import { type Held, settingsDigest } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';

const key = 'monitoring/default';
const report: Report = { stream: 's', sequence: 4, spanMs: 1000, targets: [] };

/** A fleet of one NetExporter with an agent on each of three nodes, and all that it tells. */
function setUp() {
  const clock = new FakeClock();
  const pods = new Map<string, AgentPod>();
  const nodes = new Map<string, NodeFacts>();
  for (const number of [1, 2, 3]) {
    const node = `n${number}`;
    pods.set(`p${number}`, agentPod({ uid: `p${number}`, name: `p${number}`, node, addresses: [`10.0.0.${number}`] }));
    nodes.set(node, { name: node, zone: `z${number}`, ready: true, notice: undefined, bootId: 'b' });
  }
  const dns: { servers: string[] | undefined; isMissing?: boolean } = { servers: ['10.1.0.1:53'] };
  const woken: string[] = [];
  const figures: string[] = [];
  const fleet = new Fleet({
    podsOf: () => [...pods.values()],
    nodeOf: (name) => nodes.get(name),
    dnsServersOf: () => dns.servers,
    lacksDnsService: () => dns.isMissing ?? false,
    wake: (podUids) => woken.push([...podUids].sort().join()),
    onFigures: (of) => figures.push(of),
    clock,
  });
  const agent = (podUid: string) => ({ resource: key, podUid, pod: podUid, node: '' });
  return {
    clock,
    pods,
    nodes,
    dns,
    fleet,
    woken,
    figures,
    answerFor: (podUid: string, held: Held) => fleet.answerFor(agent(podUid), held),
    call: (podUid: string, held: Held, extra = {}) => fleet.took(agent(podUid), { version: 1, held, ...extra }),
    /** Has an agent take all that it is offered. */
    sync: (podUid: string) => {
      const { settings, settingsDigest: digest, assignment } = fleet.answerFor(agent(podUid), {})!;
      const { uid, generation } = settings!.resource;
      assert.equal(digest, settingsDigest(settings!), 'what an agent that knows all of them would call them');
      const held = { settings: { uid, generation, digest: digest! }, assignment: assignment! };
      fleet.took(agent(podUid), { version: 1, held });
      return held;
    },
    settle: (resource: NetExporter, addresses: string[] = []) =>
      fleet.settle(keyOf(resource), settingsOf(resource, addresses)),
  };
}

/** The same with plans and settings. */
function led(resource = netExporter()) {
  const parts = setUp();
  parts.fleet.lead(7, [resource]);
  parts.settle(resource);
  parts.woken.length = 0;
  return { ...parts, resource };
}

test('before it leads it plans nothing, and nothing is known of anybody', () => {
  const { fleet, answerFor, call, settle } = setUp();
  fleet.plan(netExporter());
  settle(netExporter());
  assert.equal(answerFor('p1', {}), undefined);
  assert.equal(call('p1', {}, { report }), undefined, 'the agent keeps its report');
  assert.equal(fleet.propagationOf(key), undefined);
});

test('as soon as it leads there are plans of its epoch, and settings once they are known', () => {
  const { fleet, answerFor, settle, woken } = setUp();
  fleet.lead(7, [netExporter()]);
  const { assignment, settings } = answerFor('p1', {})!;
  assert.deepEqual([assignment?.epoch, assignment?.peers.map(({ node }) => node).sort()], [7, ['n2', 'n3']]);
  assert.deepEqual(assignment?.dnsServers, ['10.1.0.1:53']);
  assert.equal(settings, undefined);
  settle(netExporter());
  assert.equal(woken.at(-1), 'p1,p2,p3');
  assert.equal(answerFor('p1', {})?.settings?.resource.generation, 3);
});

test('nothing is planned until the DNS pods are known: agents keep those that they have', () => {
  const { fleet, answerFor, settle, clock, dns, woken } = setUp();
  dns.servers = undefined;
  fleet.lead(7, [netExporter()]);
  settle(netExporter());
  clock.advance(1000);
  assert.deepEqual(Object.keys(answerFor('p1', {})!), ['settings', 'settingsDigest']);
  dns.servers = ['10.1.0.2:53'];
  fleet.outdateAll();
  clock.advance(100);
  assert.deepEqual(answerFor('p1', {})?.assignment?.dnsServers, ['10.1.0.2:53']);
  assert.equal(woken.at(-1), 'p1,p2,p3');
});

test('a spec whose targets are not planned yet is not propagated, whatever agents hold of its settings', () => {
  const { fleet, settle, sync, clock, dns } = led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  dns.servers = undefined;
  const edited = netExporter();
  edited.metadata.generation = 4;
  fleet.plan(edited);
  settle(edited);
  clock.advance(1000);
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  const { configured, waiting } = fleet.propagationOf(key)!;
  assert.deepEqual([configured, waiting[0]], [0, { node: 'n1', why: 'waits for its targets to be planned' }]);
  dns.servers = ['10.1.0.2:53'];
  fleet.outdateAll();
  clock.advance(100);
  assert.equal(fleet.propagationOf(key)?.waiting[0]?.why, 'still has other targets');
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.equal(fleet.propagationOf(key)?.configured, 3);
});

test('DNS pods that are not known for a moment, without an edit, keep nobody waiting', () => {
  const { fleet, sync, clock, dns } = led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  dns.servers = undefined;
  fleet.outdateAll();
  clock.advance(100);
  assert.equal(fleet.propagationOf(key)?.configured, 3);
});

test('a DNS Service that is named and not there is told', () => {
  const { fleet, sync, clock, dns, figures } = led(
    netExporter((spec) => {
      spec.dns.service.name = 'corends';
    }),
  );
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.equal(fleet.propagationOf(key)?.missingDns, undefined);
  Object.assign(dns, { servers: [], isMissing: true });
  fleet.outdateAll();
  clock.advance(1100);
  assert.deepEqual(figures, [key]);
  assert.equal(fleet.propagationOf(key)?.missingDns, 'kube-system/corends');
});

test('an agent is offered what it does not hold, and nothing else', () => {
  const { answerFor, sync } = led();
  const held = sync('p1');
  assert.deepEqual(answerFor('p1', held), {});
  assert.deepEqual(Object.keys(answerFor('p1', { settings: held.settings })!), ['assignment']);
  const lacking = answerFor('p1', { assignment: held.assignment })!;
  assert.deepEqual(Object.keys(lacking), ['settings', 'settingsDigest']);
  assert.deepEqual(answerFor('p1', { ...held, settings: { ...held.settings, generation: 9 } }), lacking);
});

test('a leader of an epoch that comes again, as after a restore from a backup, offers its own plan', () => {
  const first = led();
  const held = first.sync('p1');
  const restored = setUp();
  restored.clock.advance(60_000);
  restored.dns.servers = ['10.1.0.9:53'];
  restored.fleet.lead(7, [netExporter()]);
  const { assignment } = restored.answerFor('p1', held)!;
  assert.deepEqual([assignment?.epoch, assignment?.dnsServers], [7, ['10.1.0.9:53']]);
  assert.ok(assignment!.revision > held.assignment.revision, 'which agents take at once');
});

test('settings wake all agents, but only when they are others', () => {
  const { settle, woken, resource } = led();
  settle(resource);
  assert.deepEqual(woken, []);
  settle(resource, ['10.96.0.1']);
  assert.deepEqual(woken, ['p1,p2,p3']);
});

test('pods that come and go are planned for together, and wake those whom they concern', () => {
  const { fleet, pods, nodes, woken, clock, answerFor } = led();
  for (const number of [4, 5]) {
    nodes.set(`n${number}`, { name: `n${number}`, zone: '', ready: true, notice: undefined, bootId: 'b' });
    pods.set(`p${number}`, agentPod({ uid: `p${number}`, node: `n${number}`, addresses: [`10.0.0.${number}`] }));
    fleet.outdate(key);
  }
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 2, 'not yet');
  clock.advance(100);
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 4);
  assert.deepEqual(woken, ['p1,p2,p3,p4,p5']);
});

test('another NetExporter of the same name starts anew', () => {
  const { fleet, answerFor, sync, clock } = led();
  sync('p1');
  const other = netExporter();
  other.metadata.uid = 'another';
  fleet.plan(other);
  clock.advance(100);
  assert.equal(answerFor('p1', {})?.assignment?.uid, 'another');
  assert.equal(answerFor('p1', {})?.settings, undefined, 'settings are those of the other one');
});

test('agents of a NetExporter that is gone go on, and are told that their peers leave, until the last one is gone', () => {
  const { fleet, answerFor, sync, clock, pods, dns, woken, figures } = led();
  const held = sync('p1');
  fleet.forget(key);
  // As it is while nobody watches them any more.
  dns.servers = undefined;
  clock.advance(100);
  assert.deepEqual(answerFor('p1', held), {});
  assert.equal(fleet.propagationOf(key), undefined, 'of another one of its name nothing is known');
  woken.length = 0;
  for (const [uid, pod] of pods) pods.set(uid, { ...pod, deleting: true });
  fleet.outdate(key);
  clock.advance(100);
  assert.deepEqual(woken, ['p1,p2,p3']);
  const { assignment } = answerFor('p1', held)!;
  assert.deepEqual([assignment?.peers, assignment?.dnsServers], [[], ['10.1.0.1:53']]);
  pods.clear();
  fleet.outdate(key);
  clock.advance(100);
  assert.equal(answerFor('p1', held), undefined);
  clock.advance(60_000);
  assert.deepEqual(figures, []);
});

test('a NetExporter that is gone and has no agents is forgotten, and one that comes back is not', () => {
  const { fleet, answerFor, clock, pods, resource, sync } = led();
  const held = sync('p1');
  fleet.forget(key);
  fleet.plan(resource);
  pods.clear();
  clock.advance(100);
  assert.notEqual(answerFor('p1', held), undefined);
  fleet.forget(key);
  clock.advance(100);
  assert.equal(answerFor('p1', held), undefined);
});

test('a report is acknowledged, but not one of a pod that is no agent', () => {
  const { fleet, call } = led();
  assert.deepEqual(call('p1', {}, { report }), { stream: 's', sequence: 4 });
  assert.equal(call('stranger', {}, { report }), undefined);
  assert.equal(fleet.propagationOf('monitoring/other'), undefined);
});

test('what agents hold is not known until all have called, or had the time to', () => {
  const { fleet, sync, clock } = led();
  sync('p1');
  sync('p2');
  assert.equal(fleet.propagationOf(key), undefined);
  sync('p3');
  assert.deepEqual(fleet.propagationOf(key), { agents: 3, reporting: 3, configured: 3, waiting: [] });
  const other = led();
  other.sync('p1');
  other.clock.advance(45_000);
  other.sync('p1');
  assert.deepEqual(other.fleet.propagationOf(key)?.configured, 1);
  clock.advance(0);
});

test('figures are told when they change, also when an agent falls silent, and not again', () => {
  const { sync, clock, figures, fleet, settle, resource } = led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  clock.advance(1000);
  assert.deepEqual(figures, [key]);
  for (let second = 0; second < 30; second++) {
    sync('p1');
    sync('p2');
    clock.advance(1000);
  }
  assert.deepEqual(figures, [key]);
  for (let second = 0; second < 30; second++) {
    sync('p1');
    sync('p2');
    clock.advance(1000);
  }
  assert.deepEqual(figures, [key, key]);
  assert.deepEqual(fleet.propagationOf(key), {
    ...{ agents: 3, reporting: 2, configured: 2 },
    waiting: [{ node: 'n3', why: 'does not call any more' }],
  });
  settle(resource, ['10.96.0.1']);
  clock.advance(1000);
  assert.equal(figures.length, 3);
  assert.equal(fleet.propagationOf(key)?.configured, 0);
});

test('figures that a status has caught in the middle of an edit are told when they are as before it', () => {
  const { sync, clock, figures, fleet, settle, resource } = led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  clock.advance(1000);
  settle(resource, ['10.96.0.1']);
  assert.equal(fleet.propagationOf(key)?.configured, 0, 'the reconcile that settles them asks at once');
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  figures.length = 0;
  clock.advance(1000);
  assert.deepEqual(figures, [key]);
  assert.equal(fleet.propagationOf(key)?.configured, 3);
});

test('of a pod that is being deleted nobody waits for anything', () => {
  const { fleet, pods, sync, clock } = led();
  for (const pod of ['p1', 'p2']) sync(pod);
  pods.set('p3', { ...pods.get('p3')!, deleting: true });
  fleet.outdate(key);
  clock.advance(100);
  for (const pod of ['p1', 'p2']) sync(pod);
  assert.deepEqual(fleet.propagationOf(key), { agents: 2, reporting: 2, configured: 2, waiting: [] });
});

test('the last report of a pod that is being deleted is taken for as long as the pod is there', () => {
  const { fleet, pods, call, sync, clock } = led();
  const held = sync('p3');
  pods.set('p3', { ...pods.get('p3')!, deleting: true });
  fleet.outdate(key);
  clock.advance(100);
  assert.deepEqual(call('p3', held, { report, leaving: true }), { stream: 's', sequence: 4 });
  pods.delete('p3');
  fleet.outdate(key);
  clock.advance(100);
  assert.equal(call('p3', held, { report, leaving: true }), undefined);
});

/** A NetExporter that is paused, of generation 3. @param observedGeneration that which was applied last */
function paused(observedGeneration: number): NetExporter {
  const resource = netExporter();
  resource.metadata.annotations = { [pausedAnnotation]: 'true' };
  resource.status = { observedGeneration };
  return resource;
}

test('agents of a NetExporter that was edited while it is paused keep what they have when the leader changes', () => {
  const { fleet, answerFor, call, settle, clock, sync } = setUp();
  fleet.lead(8, [paused(2)]);
  clock.advance(60_000);
  assert.deepEqual(answerFor('p1', {}), {});
  assert.deepEqual(call('p1', {}, { report }), { stream: 's', sequence: 4 }, 'what they report counts');
  const why = 'has not called yet';
  assert.deepEqual(fleet.propagationOf(key)?.waiting, [
    { node: 'n2', why },
    { node: 'n3', why },
  ]);
  for (const pod of ['p2', 'p3']) call(pod, {});
  assert.equal(fleet.propagationOf(key), undefined, 'of those that call nobody knows');
  fleet.plan(netExporter());
  settle(netExporter());
  assert.deepEqual([fleet.propagationOf(key)?.agents, fleet.propagationOf(key)?.configured], [3, 0]);
  clock.advance(100);
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.deepEqual(fleet.propagationOf(key)?.configured, 3);
});

test('those of one that was not edited since are planned for, and how far its settings have got is not known', () => {
  const { fleet, answerFor, call, clock } = setUp();
  fleet.lead(8, [paused(3)]);
  const { assignment } = answerFor('p1', {})!;
  assert.equal(assignment?.peers.length, 2);
  for (const pod of ['p1', 'p2', 'p3']) call(pod, { assignment: answerFor(pod, {})!.assignment! });
  clock.advance(1000);
  assert.equal(fleet.propagationOf(key), undefined);
});

test('one that is told to stop plans what is pending at once, and then nothing any more', () => {
  const { fleet, clock, nodes, woken } = led();
  nodes.set('n3', { ...nodes.get('n3')!, notice: 'cordon' });
  fleet.outdateAll();
  fleet.stop();
  assert.deepEqual(woken, ['p1,p2']);
  fleet.outdateAll();
  assert.equal(clock.pending, 0);
});
