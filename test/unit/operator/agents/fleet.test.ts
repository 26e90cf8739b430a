import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as settled } from 'node:timers/promises';
import { pausedAnnotation } from '../../../../src/contract/agent-names.ts';
import type { NetExporter } from '../../../../src/crd/net-exporter.ts';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { Fleet } from '../../../../src/operator/agents/fleet.ts';
import type { Propagation } from '../../../../src/operator/agents/propagation.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { Controller, type Reconcile } from '../../../../src/operator/controller/controller.ts';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import { keyOf } from '../../../../src/operator/kube/kube-object.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import type { Report, TargetReport } from '../../../../src/protocol/report.ts';
import { type Held, settingsDigest } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';
import { CountedDrops } from '../reports/counted-drops.ts';

const key = 'monitoring/default';
/** What an agent found of its own node's nameserver. */
const lookups: TargetReport = {
  ...{ probe: 'dns', host: 'kubernetes.default.svc.cluster.local.', server: '10.96.0.10:53', protocol: 'UDP' },
  ...{ type: 'A', node: '', zone: '', attempts: 3, failures: {}, retransmits: 0, latencies: [[51, 3]] },
};
const report: Report = { stream: 's', sequence: 4, spanMs: 1000, targets: [] };

/** A control loop of one worker, as the operator has it. */
function loop(clock: FakeClock, reconcile: Reconcile) {
  const results: string[] = [];
  const backoff = { baseMs: 400, maxMs: 10_000 };
  const observe = { added() {}, retried() {}, taken() {}, finished() {} };
  const queue = new WorkQueue({ clock, random: () => 1, backoff, observe });
  const controller = new Controller({
    ...{ name: 'test', queue, reconcile, clock, random: () => 0, log: quietLog },
    observe: { started() {}, panicked: () => results.push('panic'), ended: (result) => results.push(result) },
  });
  controller.start(1);
  return { queue, controller, results };
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  const end = clock.monotonic() + ms;
  await settled();
  while (clock.next !== undefined && clock.monotonic() + clock.next <= end) {
    clock.advance(clock.next);
    await settled();
  }
  clock.advance(end - clock.monotonic());
}

/** What is known of its agents. */
function known(fleet: Fleet): Propagation {
  const propagation = fleet.propagationOf(key);
  assert.ok(typeof propagation !== 'string' && 'configured' in propagation, `is ${JSON.stringify(propagation)}`);
  return propagation;
}

/** That so many agents are configured, and no more is to be said. */
const configuredWith = (agents: number, generation = 3): Propagation => ({
  ...{ agents, reporting: agents, configured: agents, generation, unheard: 0, overdue: [], waiting: [] },
});

/** A fleet of one NetExporter with an agent on each of three nodes, and all that it tells. */
function setUp() {
  const clock = new FakeClock();
  const pods = new Map<string, AgentPod>();
  const nodes = new Map<string, NodeFacts>();
  for (const number of [1, 2, 3]) {
    const node = `n${number}`;
    pods.set(`p${number}`, agentPod({ uid: `p${number}`, name: `p${number}`, node, addresses: [`10.0.0.${number}`] }));
    nodes.set(node, { name: node, zone: `z${number}`, ready: true, notice: undefined, uid: 'node', bootId: 'b' });
  }
  const dns: { servers: string[] | undefined; isMissing?: boolean; asked: number } = {
    servers: ['10.1.0.1:53'],
    asked: 0,
  };
  const woken: string[] = [];
  const drops = new CountedDrops();
  const figures: string[] = [];
  const judged: string[] = [];
  const holds = new Map<string, number>();
  /** What throws, as long as it is in here. */
  const faults = new Set<string>();
  const throwIf = (what: string) => {
    if (faults.has(what)) throw new TypeError(what);
  };
  const plans = loop(clock, async (of) => {
    fleet.replan(of);
    return {};
  });
  const comparisons = loop(clock, async (of) => {
    const requeueAfterMs = fleet.compareFigures(of);
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  });
  const fleet: Fleet = new Fleet({
    pods: {
      update: ({ metadata: { name } }) => throwIf(`pods of ${name}`),
      of: () => [...pods.values()],
    },
    nodeOf: (name) => {
      throwIf(`node ${name}`);
      return nodes.get(name);
    },
    dnsServersOf: () => {
      dns.asked++;
      return dns.servers;
    },
    dnsServiceFaultOf: () => (dns.isMissing ? 'missing' : undefined),
    wake: (podUids) => woken.push([...podUids].sort().join()),
    onFigures: (of) => {
      throwIf(`figures of ${of}`);
      figures.push(of);
    },
    drops,
    plans: plans.queue,
    figures: comparisons.queue,
    judgements: { add: (of) => judged.push(of), addAfter: (of) => judged.push(of) },
    holdMsOf: (podUid) => holds.get(podUid) ?? 15_000,
    clock,
  });
  const agent = (podUid: string) => ({ resource: key, podUid, pod: podUid, node: '' });
  return {
    clock,
    faults,
    results: { plans: plans.results, figures: comparisons.results },
    /** Has it lead, and do what is due. */
    lead: (epoch: number, resources: NetExporter[]) => {
      fleet.lead(epoch, resources);
      return settled();
    },
    /** Lets time pass, and everything that falls due be done at its time. */
    pass: (ms: number) => pass(clock, ms),
    /** As an operator stops. */
    stop: async () => {
      await plans.controller.drain(0);
      fleet.stop();
      await comparisons.controller.stop(0);
    },
    pods,
    nodes,
    dns,
    drops,
    fleet,
    woken,
    figures,
    judged,
    holds,
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
async function led(resource = netExporter()) {
  const parts = setUp();
  await parts.lead(7, [resource]);
  parts.settle(resource);
  parts.woken.length = 0;
  return { ...parts, resource };
}

test('before it leads it plans nothing, and nothing is known of anybody', async () => {
  const { fleet, answerFor, call, settle } = setUp();
  fleet.plan(netExporter());
  settle(netExporter());
  assert.equal(answerFor('p1', {}), undefined);
  assert.equal(call('p1', {}, { report }), undefined, 'the agent keeps its report');
  assert.equal(fleet.propagationOf(key), 'early');
});

test('as soon as it leads there are plans of its epoch, and settings once they are known', async () => {
  const { answerFor, settle, woken, lead } = setUp();
  await lead(7, [netExporter()]);
  const { assignment, settings } = answerFor('p1', {})!;
  assert.deepEqual([assignment?.epoch, assignment?.peers.map(({ node }) => node).sort()], [7, ['n2', 'n3']]);
  assert.deepEqual(assignment?.dnsServers, ['10.1.0.1:53']);
  assert.equal(settings, undefined);
  settle(netExporter());
  assert.equal(woken.at(-1), 'p1,p2,p3');
  assert.equal(answerFor('p1', {})?.settings?.resource.generation, 3);
});

test('nothing is planned until the DNS pods are known: agents keep those that they have', async () => {
  const { fleet, answerFor, settle, dns, woken, pass, lead } = setUp();
  dns.servers = undefined;
  await lead(7, [netExporter()]);
  settle(netExporter());
  await pass(1000);
  assert.deepEqual(Object.keys(answerFor('p1', {})!), ['settings', 'settingsDigest']);
  dns.servers = ['10.1.0.2:53'];
  fleet.outdateAll();
  await pass(100);
  assert.deepEqual(answerFor('p1', {})?.assignment?.dnsServers, ['10.1.0.2:53']);
  assert.equal(woken.at(-1), 'p1,p2,p3');
});

test('a spec whose targets are not planned yet is not propagated, whatever agents hold of its settings', async () => {
  const { fleet, settle, sync, dns, pass } = await led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  dns.servers = undefined;
  const edited = netExporter();
  edited.metadata.generation = 4;
  fleet.plan(edited);
  settle(edited);
  await pass(1000);
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  const { configured, waiting } = known(fleet);
  assert.deepEqual([configured, waiting[0]], [0, { node: 'n1', why: 'targets not planned yet' }]);
  dns.servers = ['10.1.0.2:53'];
  fleet.outdateAll();
  await pass(100);
  assert.equal(known(fleet).waiting[0]?.why, 'outdated targets');
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.equal(known(fleet).configured, 3);
});

test('DNS pods that are not known for a moment, without an edit, keep nobody waiting', async () => {
  const { fleet, sync, dns, pass } = await led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  dns.servers = undefined;
  fleet.outdateAll();
  await pass(100);
  assert.equal(known(fleet).configured, 3);
});

test('a DNS Service that is named and not there is told', async () => {
  const { fleet, sync, dns, figures, pass } = await led(
    netExporter((spec) => {
      spec.dns.service.name = 'corends';
    }),
  );
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.equal(known(fleet).dnsFault, undefined);
  Object.assign(dns, { servers: [], isMissing: true });
  fleet.outdateAll();
  await pass(1100);
  assert.deepEqual(figures, [key]);
  const expected = { service: 'kube-system/corends', reason: 'missing' };
  assert.deepEqual(known(fleet).dnsFault, expected);
});

test('an agent is overdue two seconds after its own hold, and its judge is told of each spec once', async () => {
  const { fleet, sync, holds, judged, resource, clock } = await led();
  const { agents } = fleet.judgedOf(key)!;
  const due = () => [...agents.agents()].map(({ uid, overdueAt }) => [uid, overdueAt - clock.monotonic()]);
  assert.deepEqual(due(), [
    ['p1', -Infinity],
    ['p2', -Infinity],
    ['p3', -Infinity],
  ]);
  holds.set('p2', 5000);
  for (const pod of ['p1', 'p2']) sync(pod);
  assert.deepEqual(due().slice(0, 2), [
    ['p1', 17_000],
    ['p2', 7000],
  ]);
  const [first] = agents.agents();
  assert.deepEqual(first && [first.node, first.state, first.addresses, [...first.peers].sort()], [
    'n1',
    'serving',
    ['10.0.0.1:8000'],
    ['n2', 'n3'],
  ]);
  assert.deepEqual([agents.zoneOf('p1'), agents.zoneOf('stranger')], ['z1', '']);
  const before = judged.length;
  fleet.plan(resource);
  assert.equal(judged.length, before);
  fleet.plan({ ...resource, metadata: { ...resource.metadata, generation: 4 } });
  assert.equal(judged.length, before + 1);
  fleet.forget(key);
  assert.equal(fleet.judgedOf(key), undefined);
});

test('an agent is offered what it does not hold, and nothing else', async () => {
  const { answerFor, sync } = await led();
  const held = sync('p1');
  assert.deepEqual(answerFor('p1', held), {});
  assert.deepEqual(Object.keys(answerFor('p1', { settings: held.settings })!), ['assignment']);
  const lacking = answerFor('p1', { assignment: held.assignment })!;
  assert.deepEqual(Object.keys(lacking), ['settings', 'settingsDigest']);
  assert.deepEqual(answerFor('p1', { ...held, settings: { ...held.settings, generation: 9 } }), lacking);
});

test('a leader of an epoch that comes again, as after a restore from a backup, offers its own plan', async () => {
  const first = await led();
  const held = first.sync('p1');
  const restored = setUp();
  await restored.pass(60_000);
  restored.dns.servers = ['10.1.0.9:53'];
  await restored.lead(7, [netExporter()]);
  const { assignment } = restored.answerFor('p1', held)!;
  assert.deepEqual([assignment?.epoch, assignment?.dnsServers], [7, ['10.1.0.9:53']]);
  assert.ok(assignment!.revision > held.assignment.revision, 'which agents take at once');
});

test('settings wake all agents, but only when they are others', async () => {
  const { settle, woken, resource } = await led();
  settle(resource);
  assert.deepEqual(woken, []);
  settle(resource, ['10.96.0.1']);
  assert.deepEqual(woken, ['p1,p2,p3']);
});

test('pods that come and go are planned for together, and wake those whom they concern', async () => {
  const { fleet, pods, nodes, woken, answerFor, pass } = await led();
  for (const number of [4, 5]) {
    nodes.set(`n${number}`, { name: `n${number}`, zone: '', ready: true, notice: undefined, uid: 'node', bootId: 'b' });
    pods.set(`p${number}`, agentPod({ uid: `p${number}`, node: `n${number}`, addresses: [`10.0.0.${number}`] }));
    fleet.outdate(key);
  }
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 2, 'not yet');
  await pass(100);
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 4);
  assert.deepEqual(woken, ['p1,p2,p3,p4,p5']);
});

test('another NetExporter of the same name starts anew', async () => {
  const { fleet, answerFor, sync, pass } = await led();
  sync('p1');
  const other = netExporter();
  other.metadata.uid = 'another';
  fleet.plan(other);
  await pass(100);
  assert.equal(answerFor('p1', {})?.assignment?.uid, 'another');
  assert.equal(answerFor('p1', {})?.settings, undefined, 'settings are those of the other one');
});

test('agents of a NetExporter that is gone go on, and are told that their peers leave, until the last one is gone', async () => {
  const { fleet, answerFor, sync, pods, dns, woken, figures, pass } = await led();
  const held = sync('p1');
  fleet.forget(key);
  // As it is while nobody watches them any more.
  dns.servers = undefined;
  await pass(100);
  assert.deepEqual(answerFor('p1', held), {});
  assert.equal(fleet.propagationOf(key), 'early', 'of another one of its name nothing is known');
  woken.length = 0;
  for (const [uid, pod] of pods) pods.set(uid, { ...pod, deleting: true });
  fleet.outdate(key);
  await pass(100);
  assert.deepEqual(woken, ['p1,p2,p3']);
  const { assignment } = answerFor('p1', held)!;
  assert.deepEqual([assignment?.peers, assignment?.dnsServers], [[], ['10.1.0.1:53']]);
  pods.clear();
  fleet.outdate(key);
  await pass(100);
  assert.equal(answerFor('p1', held), undefined);
  await pass(60_000);
  assert.deepEqual(figures, []);
});

test('a NetExporter that is gone and has no agents is forgotten, and one that comes back is not', async () => {
  const { fleet, answerFor, pods, resource, sync, pass } = await led();
  const held = sync('p1');
  fleet.forget(key);
  fleet.plan(resource);
  pods.clear();
  await pass(100);
  assert.notEqual(answerFor('p1', held), undefined);
  fleet.forget(key);
  await pass(100);
  assert.equal(answerFor('p1', held), undefined);
});

test('a report is acknowledged, but not one of a pod that is no agent', async () => {
  const { fleet, call } = await led();
  assert.deepEqual(call('p1', {}, { report }), { stream: 's', sequence: 4 });
  assert.equal(call('stranger', {}, { report }), undefined);
  assert.equal(fleet.propagationOf('monitoring/other'), 'early');
});

test('an agent reports its own targets only, and its reports take no memory once it or its NetExporter is gone', async () => {
  const { fleet, call, pods, answerFor, drops, resource, pass } = await led();
  const { peers } = answerFor('p1', {})!.assignment!;
  const links = peers.map(({ address, node, zone }) => ({
    ...{ probe: 'network' as const, host: address, server: '', protocol: 'TCP', type: '', node, zone },
    ...{ attempts: 1, failures: {}, retransmits: 0, latencies: [[40, 1] as [number, number]] },
  }));
  const about = (targets: Report['targets'], sequence: number) => ({ report: { ...report, sequence, targets } });
  call('p1', {}, about(links, 1));
  assert.deepEqual(drops.counts, {});
  const bytes = fleet.reportBytes;
  assert.ok(bytes > 0);
  const accused = links.map((link) => ({ ...link, host: '10.0.0.99:8000', node: 'n9' }));
  assert.deepEqual(call('p1', {}, about(accused, 2)), { stream: 's', sequence: 2 }, 'it need not send them again');
  assert.deepEqual(drops.counts, { 'targets not_planned': 2 });
  assert.equal(fleet.reportBytes, bytes);
  call('p2', {}, about(links.slice(0, 0), 1));
  pods.delete('p1');
  fleet.outdate(key);
  await pass(100);
  assert.equal(fleet.reportBytes, 0);
  pods.set('p1', agentPod({ uid: 'p1', name: 'p1', node: 'n1', addresses: ['10.0.0.1'] }));
  fleet.outdate(key);
  await pass(100);
  call('p1', {}, about(links, 3));
  assert.equal(fleet.reportBytes, bytes);
  const successor = { ...resource, metadata: { ...resource.metadata, uid: 'another' } };
  fleet.plan(successor);
  assert.equal(fleet.reportBytes, 0);
});

test('what agents hold is not known until all have called, or had the time to', async () => {
  const { fleet, sync, pass } = await led();
  sync('p1');
  sync('p2');
  assert.equal(fleet.propagationOf(key), 'early');
  sync('p3');
  assert.deepEqual(fleet.propagationOf(key), configuredWith(3));
  const other = await led();
  other.sync('p1');
  await other.pass(5000);
  const waiting = ['n2', 'n3'].map((node) => ({ node, why: 'no request yet' }));
  const heard = { ...configuredWith(3), reporting: 1, configured: 1, unheard: 2, waiting };
  assert.deepEqual(other.fleet.propagationOf(key), heard, 'what has been heard so far');
  await other.pass(40_000);
  other.sync('p1');
  assert.deepEqual(other.fleet.propagationOf(key), { ...heard, unheard: 0 });
  await other.pass(10_000);
  assert.equal(known(other.fleet).overdue.length > 0, true);
  assert.deepEqual(known(other.fleet).configured, 1);
  await pass(0);
});

test('figures are told when they change, also when an agent falls silent, and not again', async () => {
  const { sync, figures, fleet, settle, resource, pass } = await led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  await pass(1000);
  assert.deepEqual(figures, [key]);
  for (let second = 0; second < 30; second++) {
    sync('p1');
    sync('p2');
    await pass(1000);
  }
  assert.deepEqual(figures, [key]);
  for (let second = 0; second < 30; second++) {
    sync('p1');
    sync('p2');
    await pass(1000);
  }
  assert.deepEqual(figures, [key, key]);
  assert.deepEqual(fleet.propagationOf(key), {
    ...{ agents: 3, reporting: 2, configured: 2, generation: 3, unheard: 0, overdue: ['n3'] },
    waiting: [{ node: 'n3', why: 'no longer sends requests' }],
  });
  settle(resource, ['10.96.0.1']);
  await pass(1000);
  assert.equal(figures.length, 3);
  assert.equal(known(fleet).configured, 0);
});

test('figures that a status has caught in the middle of an edit are told when they are as before it', async () => {
  const { sync, figures, fleet, settle, resource, pass } = await led();
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  await pass(1000);
  settle(resource, ['10.96.0.1']);
  assert.equal(known(fleet).configured, 0, 'the reconcile that settles them asks at once');
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  figures.length = 0;
  await pass(1000);
  assert.deepEqual(figures, [key]);
  assert.equal(known(fleet).configured, 3);
});

test('of a pod that is being deleted nobody waits for anything', async () => {
  const { fleet, pods, sync, pass } = await led();
  for (const pod of ['p1', 'p2']) sync(pod);
  pods.set('p3', { ...pods.get('p3')!, deleting: true });
  fleet.outdate(key);
  await pass(100);
  for (const pod of ['p1', 'p2']) sync(pod);
  assert.deepEqual(fleet.propagationOf(key), configuredWith(2));
});

test('the last report of a pod that is being deleted is taken for as long as the pod is there', async () => {
  const { fleet, pods, call, sync, pass } = await led();
  const held = sync('p3');
  pods.set('p3', { ...pods.get('p3')!, deleting: true });
  fleet.outdate(key);
  await pass(100);
  assert.deepEqual(call('p3', held, { report, leaving: true }), { stream: 's', sequence: 4 });
  pods.delete('p3');
  fleet.outdate(key);
  await pass(100);
  assert.equal(call('p3', held, { report, leaving: true }), undefined);
});

/** A NetExporter that is paused, of generation 3. @param observedGeneration that which was applied last */
function paused(observedGeneration: number): NetExporter {
  const resource = netExporter();
  resource.metadata.annotations = { [pausedAnnotation]: 'true' };
  resource.status = { observedGeneration };
  return resource;
}

test('agents of a NetExporter that was edited while it is paused keep what they have when the leader changes', async () => {
  const { fleet, answerFor, call, settle, sync, pass, lead } = setUp();
  await lead(8, [paused(2)]);
  await pass(60_000);
  assert.deepEqual(answerFor('p1', {}), {});
  assert.deepEqual(call('p1', {}, { report }), { stream: 's', sequence: 4 }, 'what they report counts');
  assert.deepEqual(fleet.propagationOf(key), { unapplied: true, reporting: 1 }, 'the settings are unknown');
  for (const pod of ['p2', 'p3']) call(pod, {});
  assert.deepEqual(fleet.propagationOf(key), { unapplied: true, reporting: 3 });
  fleet.plan(netExporter());
  settle(netExporter());
  assert.deepEqual([known(fleet).agents, known(fleet).configured], [3, 0]);
  await pass(100);
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.deepEqual(known(fleet).configured, 3);
});

test('those of one that was not edited since are planned for, and how far its settings have got is not known', async () => {
  const { fleet, answerFor, call, pass, lead } = setUp();
  await lead(8, [paused(3)]);
  const { assignment } = answerFor('p1', {})!;
  assert.equal(assignment?.peers.length, 2);
  for (const pod of ['p1', 'p2', 'p3']) call(pod, { assignment: answerFor(pod, {})!.assignment! });
  await pass(1000);
  assert.equal(fleet.propagationOf(key), 'early');
});

test('one that is told to stop plans what is pending at once, and then nothing any more', async () => {
  const { fleet, clock, nodes, woken, stop } = await led();
  nodes.set('n3', { ...nodes.get('n3')!, notice: 'cordon' });
  fleet.outdateAll();
  await stop();
  assert.deepEqual(woken, ['p1,p2']);
  fleet.outdateAll();
  assert.equal(clock.pending, 0);
});

test('one that has stopped remembers no agent, no report and no DNS Service, whatever changes then', async () => {
  const { fleet, call, sync, stop, lead, answerFor } = await led();
  sync('p1');
  assert.ok(call('p1', {}, { report: { ...report, targets: [lookups] } }));
  assert.ok(fleet.reportBytes > 0 && [...fleet.dnsServices()].length === 1);
  await stop();
  fleet.plan(netExporter());
  fleet.forget(key);
  assert.deepEqual([fleet.reportBytes, [...fleet.keys()], [...fleet.dnsServices()]], [0, [], []]);
  assert.equal(answerFor('p1', {}), undefined);
  await lead(8, [netExporter()]);
  assert.equal(fleet.reportBytes, 0);
});

/** So many targets, whose names nobody has told the operator. */
const lookupsOf = (count: number) =>
  Array.from({ length: count }, (_, index): TargetReport => ({ ...lookups, host: `h${index}.example.com.` }));

test('a new leader takes what agents of a NetExporter report that was edited while it is paused, within their bounds', async () => {
  const { fleet, drops, call, lead, pass, settle } = setUp();
  await lead(8, [paused(2)]);
  call('p1', {}, { report: { ...report, targets: lookupsOf(100) } });
  assert.deepEqual(drops.counts, {});
  call('p1', {}, { report: { ...report, sequence: 5, targets: lookupsOf(2000) } });
  assert.deepEqual(drops.counts, { 'targets too_many': 500 });
  fleet.plan(netExporter());
  settle(netExporter());
  await pass(100);
  call('p2', {}, { report: { ...report, targets: lookupsOf(100) } });
  assert.deepEqual(drops.counts, { 'targets too_many': 500, 'targets not_planned': 100 });
});

test('an agent reports its own nameserver although a DNS pod that it asked was retired', async () => {
  const { clock, dns, drops, call, fleet, pass, resource } = await led();
  const reportOf = (sequence: number, server: string) =>
    call('p1', {}, { report: { ...report, sequence, targets: [{ ...lookups, server }] } });
  dns.servers = ['10.2.0.1:53'];
  fleet.plan(resource);
  await pass(100);
  reportOf(5, '10.2.0.1:53');
  dns.servers = ['10.2.0.2:53'];
  fleet.plan(resource);
  await pass(100);
  reportOf(6, '10.2.0.1:53');
  reportOf(7, '10.96.0.10:53');
  assert.deepEqual(drops.counts, {});
  reportOf(8, '10.96.0.11:53');
  assert.deepEqual(drops.counts, { 'targets not_planned': 1 });
  assert.ok(clock.monotonic() < 60_000);
});

test('an agent reports its own nameserver although it moved from one DNS pod to another', async () => {
  const { dns, drops, call, answerFor, fleet, pass, resource } = await led();
  dns.servers = ['10.2.0.1:53'];
  fleet.plan(resource);
  await pass(100);
  const reportOf = (pod: string, sequence: number, server: string) =>
    call(pod, {}, { report: { ...report, sequence, targets: [{ ...lookups, server }] } });
  const serversOf = (pod: string) => answerFor(pod, {})?.assignment?.dnsServers ?? [];
  for (const pod of ['p1', 'p2', 'p3']) reportOf(pod, 5, '10.2.0.1:53');
  dns.servers = Array.from({ length: 9 }, (_, index) => `10.2.0.${index + 1}:53`);
  fleet.plan(resource);
  await pass(100);
  const moved = ['p1', 'p2', 'p3'].filter((pod) => !serversOf(pod).includes('10.2.0.1:53'));
  assert.ok(moved.length > 0, 'an agent moved');
  for (const pod of moved) {
    reportOf(pod, 6, '10.2.0.1:53');
    reportOf(pod, 7, '10.96.0.10:53');
  }
  assert.deepEqual(drops.counts, {});
});

/** Another NetExporter, with the same agents. */
function another(): NetExporter {
  const resource = netExporter(undefined, 'other');
  resource.metadata.uid = 'another';
  return resource;
}
const otherKey = 'monitoring/other';
const other = (podUid: string) => ({ resource: otherKey, podUid, pod: podUid, node: '' });

test('a NetExporter for which planning throws fails alone, is tried again later each time, and then works', async () => {
  const { fleet, faults, lead, pass, answerFor, woken, figures, results } = setUp();
  faults.add('pods of default');
  await lead(7, [netExporter(), another()]);
  assert.equal(fleet.answerFor(other('p1'), {})?.assignment?.peers.length, 2, 'the other one is planned for');
  assert.equal(answerFor('p1', {})?.assignment, undefined);
  assert.equal(fleet.faultOf(key), 'TypeError: pods of default');
  assert.equal(fleet.faultOf(otherKey), undefined);
  await pass(1000);
  assert.deepEqual(figures, [key], 'its status is written anew');
  const failures = () => results.plans.filter((result) => result === 'panic').length;
  assert.equal(failures(), 2, 'at once, after 400 ms, and then not before another 800 ms');
  await pass(9000);
  assert.equal(failures(), 5, 'after 1.2, 2.8 and 6 s');
  faults.clear();
  woken.length = 0;
  await pass(10_000);
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 2);
  assert.deepEqual([fleet.faultOf(key), woken], [undefined, ['p1,p2,p3']]);
  const again = figures.slice(1).filter((told) => told === key);
  assert.deepEqual(again, [key], 'so is it when it works again');
});

test('pods that come and go do not hurry on what fails, but an edit does', async () => {
  const { fleet, faults, lead, pass, answerFor, results, resource } = { ...setUp(), resource: netExporter() };
  faults.add('pods of default');
  await lead(7, [resource]);
  await pass(2800);
  const before = results.plans.length;
  for (let time = 0; time < 20; time++) {
    fleet.outdate(key);
    fleet.plan(resource);
    await pass(100);
  }
  assert.equal(results.plans.length, before);
  faults.clear();
  const edited = netExporter();
  edited.metadata.generation = 4;
  fleet.plan(edited);
  await pass(100);
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 2);
});

test('a plan that breaks off in the middle is made anew, and agents keep what they have until it is', async () => {
  const { fleet, clock, faults, pods, nodes, answerFor, sync, pass, call } = await led();
  const held = sync('p1');
  clock.stepWall(-3_600_000);
  nodes.set('n4', { name: 'n4', zone: 'z4', ready: true, notice: undefined, uid: 'node', bootId: 'b' });
  pods.set('p4', agentPod({ uid: 'p4', node: 'n4', addresses: ['10.0.0.4'] }));
  pods.delete('p2');
  faults.add('node n4');
  fleet.outdate(key);
  await pass(100);
  assert.match(fleet.faultOf(key)!, /node n4/);
  assert.deepEqual(answerFor('p1', held), {});
  assert.deepEqual(call('p1', held, { report }), { stream: 's', sequence: 4 }, 'what it reports counts');
  faults.clear();
  await pass(400);
  const { assignment } = answerFor('p1', held)!;
  assert.deepEqual(assignment?.peers.map(({ node }) => node).sort(), ['n3', 'n4']);
  assert.ok(assignment!.revision > held.assignment.revision, 'which agents take');
});

test('a NetExporter whose figures cannot be told fails alone, and is tried again', async () => {
  const { fleet, faults, lead, pass, figures, call, results, settle } = setUp();
  faults.add(`figures of ${key}`);
  await lead(7, [netExporter(), another()]);
  for (const resource of [netExporter(), another()]) settle(resource);
  for (const pod of ['p1', 'p2', 'p3']) {
    call(pod, {});
    fleet.took(other(pod), { version: 1, held: {} });
  }
  await pass(1000);
  assert.deepEqual(figures, [otherKey]);
  assert.ok(results.figures.includes('panic'));
  faults.clear();
  await pass(1000);
  assert.deepEqual(figures, [otherKey, key]);
});

test('one that is told to stop plans what it can, although planning throws for another one', async () => {
  const { fleet, clock, lead, faults, nodes, woken, stop, settle } = setUp();
  await lead(7, [netExporter(), another()]);
  settle(netExporter());
  woken.length = 0;
  faults.add('pods of default');
  nodes.set('n3', { ...nodes.get('n3')!, notice: 'cordon' });
  fleet.outdateAll();
  await stop();
  assert.deepEqual(woken, ['p1,p2']);
  assert.equal(clock.pending, 0);
});

test('who does not probe the network gets no peers, is not woken for them, and no zone is missed', async () => {
  const resource = netExporter((spec) => {
    spec.network.enabled = false;
    spec.network.peersPerAgent = 1;
  });
  const { fleet, answerFor, sync, pods, woken, pass } = await led(resource);
  assert.deepEqual(answerFor('p1', {})?.assignment?.peers, []);
  for (const pod of ['p1', 'p2', 'p3']) sync(pod);
  assert.deepEqual(fleet.propagationOf(key), configuredWith(3));
  pods.set('p3', { ...pods.get('p3')!, ready: false });
  fleet.outdate(key);
  await pass(100);
  assert.deepEqual(woken, []);
  const edited = netExporter();
  edited.metadata.generation = 4;
  fleet.plan(edited);
  await pass(100);
  assert.equal(answerFor('p1', {})?.assignment?.peers.length, 2, 'until it does');
});

for (const [what, change] of [
  ['does not probe DNS', (spec: NetExporter['spec']) => (spec.dns.enabled = false)],
  ['asks no single DNS pods', (spec: NetExporter['spec']) => (spec.dns.endpointsPerAgent = 0)],
] as const)
  test(`who ${what} gets none of them, waits for none, has none watched and misses none`, async () => {
    const parts = setUp();
    Object.assign(parts.dns, { servers: undefined, isMissing: true });
    const resource = netExporter((spec) => {
      change(spec);
      spec.dns.service.name = 'corends';
    });
    const { fleet, answerFor, sync, dns } = parts;
    await parts.lead(7, [resource]);
    parts.settle(resource);
    assert.deepEqual(answerFor('p1', {})?.assignment?.dnsServers, []);
    for (const pod of ['p1', 'p2', 'p3']) sync(pod);
    assert.deepEqual([dns.asked, [...fleet.dnsServices()]], [0, []]);
    assert.deepEqual(fleet.propagationOf(key), configuredWith(3));
  });

test('the DNS Services are those of the specs that are planned by, of what is not gone', async () => {
  const edited = paused(3);
  const { fleet } = await led(edited);
  edited.spec.dns.service.name = 'old';
  fleet.plan(another());
  const names = () => fleet.dnsServices().map(({ service }) => service.name);
  assert.deepEqual(names(), ['old', '']);
  fleet.forget(key);
  assert.deepEqual(names(), ['']);
});

test('the DNS Services of the oldest NetExporters come first, and none of one that was edited while paused', async () => {
  const withService = (name: string, createdAt: string) => {
    const resource = netExporter((spec) => {
      spec.dns.service.name = name;
    }, name);
    resource.metadata.creationTimestamp = createdAt;
    return resource;
  };
  const paused = withService('edited', '2025-01-01T00:00:00Z');
  paused.metadata.annotations = { [pausedAnnotation]: 'true' };
  const { fleet } = setUp();
  fleet.lead(7, [withService('new', '2026-03-01T00:00:00Z'), paused, withService('old', '2026-02-01T00:00:00Z')]);
  assert.deepEqual(
    fleet.dnsServices().map(({ service }) => service.name),
    ['old', 'new'],
  );
});
