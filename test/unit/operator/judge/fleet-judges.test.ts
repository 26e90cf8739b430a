import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pausedAnnotation } from '../../../../src/contract/agent-names.ts';
import type { StatusSuspect } from '../../../../src/crd/status.ts';
import type { TargetReport } from '../../../../src/protocol/report.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { type IsBad, JudgedOperator, key, service } from './judged-operator.ts';

const deadNode =
  (name: string): IsBad =>
  (from, { node }) =>
    node === name || from === name;
const deadHost =
  (name: string): IsBad =>
  (_from, { host }) =>
    host === name;

test('a fleet is unknown while an operator warms up, and its figures are those of its reports', async () => {
  const operator = await new JudgedOperator().run(25);
  assert.deepEqual(operator.unknown, ['Warming', 'Warming']);
  await operator.run(20);
  assert.deepEqual(operator.unknown, [undefined, undefined]);
  const { verdict, dns, network, windowMs, generation } = operator.latest!;
  assert.deepEqual([verdict.suspects, verdict.agents, verdict.reporting], [[], 12, 12]);
  assert.deepEqual([windowMs, generation], [120_000, 3]);
  assert.deepEqual(network.links, { ok: 120, slow: 0, failing: 0, unreported: 0 });
  assert.deepEqual([dns.servers, dns.hosts, dns.failures, network.failures], [3, 1, 0, 0]);
  assert.equal(network.attempts / dns.attempts, 11 / 6);
  assert.ok(Math.abs(network.p50! - 1e-4) < 1e-5 && network.p99 === network.p50);
});

test('a dead node is named, with its links, and cleared when it is well again; the status has news only then', async () => {
  const operator = await new JudgedOperator().run(180);
  operator.news.length = 0;
  operator.silent.add('n7');
  await operator.run(60, deadNode('n7'));
  assert.deepEqual(operator.named, ['Node n7']);
  assert.equal(operator.judges.shownOf(key)!.verdict.suspects.length, 1);
  const { links, failures } = operator.latest!.network;
  assert.ok(links.failing >= 8 && links.unreported === 10 && failures > 0, JSON.stringify(links));
  assert.ok(operator.news.length <= 3, `${operator.news.length}`);
  operator.silent.delete('n7');
  await operator.run(120);
  assert.deepEqual([operator.named, operator.suspects.length], [[], 1]);
  await operator.run(180);
  operator.news.length = 0;
  await operator.run(600);
  assert.deepEqual(operator.news, [], 'nothing is written at rest');
});

test('a node with the annotation is never a suspect', async () => {
  const operator = new JudgedOperator();
  operator.nodes.set('n7', { ...operator.nodes.get('n7')!, isExempt: true });
  await operator.run(180);
  await operator.run(120, deadNode('n7'));
  assert.deepEqual(operator.suspects, []);
});

test('the results of a node at the address of the agents’ Service are of the Service', async () => {
  const operator = await new JudgedOperator().run(180);
  await operator.run(90, (from, { host }) => from === 'n3' && host === service);
  assert.deepEqual(operator.named, ['ServicePath n3>agents']);
});

test('a new leader takes over the suspects with their time, and clears none before a window has passed', async () => {
  const operator = await new JudgedOperator().run(180);
  operator.silent.add('n7');
  await operator.run(60, deadNode('n7'));
  const [{ kind, name, reason, evidence, since }] = operator.latest!.verdict.suspects as [
    StatusSuspect & { since: never },
  ];
  const suspect = { kind, name, reason, evidence, since: new Date(since).toISOString() };
  const later = { ...suspect, kind: 'Galaxy', name: 'of a later version' };
  operator.resource = { ...operator.resource, status: { suspects: [suspect, later] } };
  operator.suspects.length = 0;
  operator.changeLeader();
  await operator.run(20, deadNode('n7'));
  assert.deepEqual([operator.named, operator.unknown[1]], [['Node n7'], 'Warming']);
  await operator.run(60, deadNode('n7'));
  assert.equal(operator.latest!.verdict.suspects[0]!.since, since);
  assert.deepEqual(operator.suspects, [], 'it was not raised again');
  operator.silent.delete('n7');
  operator.changeLeader();
  await operator.run(110);
  assert.deepEqual(operator.named, ['Node n7']);
  await operator.run(40);
  assert.deepEqual(operator.named, []);
});

test('a part that is not probed is disabled, and its suspects are gone; without any, nothing is judged', async () => {
  const operator = await new JudgedOperator().run(180);
  await operator.run(60, deadHost('kubernetes.default.svc.cluster.local.'));
  assert.deepEqual(operator.named, ['DNSServer 10.1.0.1:53', 'DNSServer 10.1.0.2:53']);
  operator.edit((spec) => {
    spec.dns.enabled = false;
  });
  await operator.run(45);
  assert.deepEqual([operator.named, operator.unknown], [[], ['Disabled', undefined]]);
  assert.deepEqual([operator.latest!.dns.attempts, operator.latest!.dns.servers], [0, 0]);
  operator.edit((spec) => {
    spec.network.enabled = false;
  });
  await operator.run(10);
  assert.deepEqual(operator.unknown, ['Disabled', 'Disabled']);
  assert.deepEqual([operator.latest!.verdict.agents, operator.latest!.network.attempts], [12, 0]);
  operator.edit((spec) => {
    spec.network.enabled = true;
  });
  await operator.run(10);
  assert.deepEqual(operator.unknown, ['Disabled', 'Warming']);
});

test('a name that is removed from the spec is a suspect no longer than its hysteresis', async () => {
  const operator = new JudgedOperator(
    netExporter((spec) => {
      spec.dns.hosts = ['good.example.', 'bad.example.'];
    }),
  );
  await operator.run(180);
  await operator.run(60, deadHost('bad.example.'));
  assert.deepEqual(operator.named, ['Host bad.example.']);
  operator.edit((spec) => {
    spec.dns.hosts = ['good.example.'];
  });
  await operator.run(40, deadHost('bad.example.'));
  assert.deepEqual(operator.named, []);
});

test('a DNS server that is removed from the spec is a suspect no longer than its hysteresis', async () => {
  const server = '192.0.2.53:53';
  const operator = await new JudgedOperator(netExporter((spec) => spec.dns.servers.push(server))).run(120);
  const isBad: IsBad = (_from, target) => target.server === server;
  await operator.run(60, isBad);
  assert.deepEqual(operator.named, [`DNSServer ${server}`]);
  operator.edit((spec) => {
    spec.dns.servers = [];
  });
  // Agents report its last results after the edit.
  operator.late = [server];
  await operator.run(15, isBad);
  operator.late = [];
  await operator.run(25, isBad);
  assert.deepEqual(operator.named, []);
  operator.edit((spec) => spec.dns.servers.push(server));
  await operator.run(60, isBad);
  assert.deepEqual([operator.named, operator.suspects.length], [[`DNSServer ${server}`], 2], 'it is judged again');
});

test('so is a name that is removed from the spec so that agents look up the default', async () => {
  const operator = new JudgedOperator(
    netExporter((spec) => {
      spec.dns.hosts = ['kubernetes.default.svc.cluster.local.', 'bad.example.'];
    }),
  );
  await operator.run(180);
  await operator.run(60, deadHost('bad.example.'));
  assert.deepEqual(operator.named, ['Host bad.example.']);
  operator.edit((spec) => {
    spec.dns.hosts = [];
  });
  await operator.run(40, deadHost('bad.example.'));
  assert.deepEqual(operator.named, []);
});

test('suspects stay when other periods are judged, and counting begins anew', async () => {
  const operator = await new JudgedOperator().run(180);
  operator.silent.add('n7');
  await operator.run(60, deadNode('n7'));
  const [suspect] = operator.latest!.verdict.suspects;
  operator.edit((spec) => {
    spec.health.window = '5m';
  });
  for (let time = 0; time < 20; time++) {
    await operator.run(5, deadNode('n7'));
    assert.deepEqual(operator.named, ['Node n7']);
    if (time === 0) assert.deepEqual(operator.unknown, ['Warming', 'Warming']);
  }
  assert.equal(operator.latest!.windowMs, 300_000);
  assert.equal(operator.latest!.verdict.suspects[0]!.since, suspect!.since);
  assert.equal(operator.suspects.length, 1);
});

test('intervals above 2.5 minutes are too long to be judged', async () => {
  const operator = new JudgedOperator(
    netExporter((spec) => {
      spec.dns.interval = '151s';
    }),
  );
  await operator.run(60);
  assert.deepEqual([operator.unknown, operator.latest!.windowMs], [['IntervalTooLong', 'IntervalTooLong'], 906_000]);
});

test('one agent has no peers, and agents that are all overdue do not report', async () => {
  const alone = await new JudgedOperator(netExporter(), 1).run(60);
  assert.deepEqual(alone.unknown, [undefined, 'NoPeers']);
  const operator = await new JudgedOperator().run(60);
  for (const node of operator.nodes.keys()) operator.silent.add(node);
  await operator.run(25);
  assert.deepEqual(operator.unknown, ['NoReports', 'NoReports']);
});

test('without results nothing is known to be well: where no agent runs, and where none has probed yet', async () => {
  const empty = await new JudgedOperator(netExporter(), 0).run(60);
  assert.deepEqual(empty.unknown, ['Warming', 'NoPeers']);
  const idle = new JudgedOperator(netExporter(), 3);
  idle.lie = (_from, target) => ({ ...target, attempts: 0, latencies: [] });
  await idle.run(60);
  assert.deepEqual([idle.unknown, idle.latest!.verdict.reporting], [['Warming', 'Warming'], 3]);
  idle.lie = (_from, target) => (target.probe === 'dns' ? target : { ...target, attempts: 0, latencies: [] });
  await idle.run(30);
  assert.deepEqual(idle.unknown, [undefined, 'Warming']);
});

test('a NetExporter that is paused is judged, and one that was edited meanwhile is not known to a new leader', async () => {
  const paused = netExporter();
  paused.metadata.annotations = { [pausedAnnotation]: 'true' };
  const observed = await new JudgedOperator({ ...paused, status: { observedGeneration: 3 } }).run(60);
  assert.deepEqual([observed.unknown, observed.latest!.verdict.reporting], [[undefined, undefined], 12]);
  await observed.run(90, (from, { host }) => from === 'n3' && host === service);
  assert.deepEqual(observed.named, ['ServicePath n3>agents']);
  const edited = await new JudgedOperator({ ...paused, status: { observedGeneration: 2 } }).run(60);
  assert.deepEqual(edited.unknown, ['NotSynced', 'NotSynced']);
});

test('a NetExporter that is gone is judged no more, and another one of its name begins anew', async () => {
  const operator = await new JudgedOperator().run(60);
  operator.resource = { ...operator.resource, metadata: { ...operator.resource.metadata, uid: 'another' } };
  operator.fleet.plan(operator.resource);
  operator.fleet.replan(key);
  assert.equal(operator.judges.shownOf(key), undefined, 'not what was known of the other one');
  await operator.judge();
  assert.deepEqual(operator.unknown, ['Warming', 'Warming']);
  assert.equal([...operator.judges.latest()].length, 1);
  operator.fleet.forget(key);
  await operator.judge();
  assert.equal(operator.latest, undefined);
  assert.deepEqual([operator.judges.shownOf(key), [...operator.judges.latest()]], [undefined, []]);
});

test('an agent that has found a change is held for 5 s, until a window has passed, and is overdue after 7', async () => {
  const operator = await new JudgedOperator().run(180);
  const agent = (podUid: string) => ({ resource: key, podUid, pod: podUid, node: '' });
  const short = () => [...operator.pods.keys()].filter((uid) => operator.fleet.holdMsOf(agent(uid)) === 5000);
  assert.deepEqual(short(), []);
  const isBad: IsBad = (from, { node }) => from === 'n2' && node === 'n5';
  await operator.run(30, isBad);
  assert.deepEqual(short(), ['p2']);
  operator.silent.add('n2');
  await operator.run(15, isBad);
  assert.equal(operator.latest!.verdict.reporting, 11);
  operator.silent.delete('n2');
  await operator.run(180, isBad);
  assert.deepEqual(short(), []);
});

test('agents that lie with any number of attempts make only links of their own suspect, and slow nobody', async () => {
  const million = 1_000_000;
  const failures = (target: TargetReport) => ({
    ...{ ...target, attempts: million, failures: { timeout: million }, latencies: [] },
  });
  const fast = (target: TargetReport) => ({
    ...target,
    attempts: million,
    latencies: [[0, million] as [number, number]],
  });
  for (const liars of [['n7'], ['n7', 'n8', 'n20']]) {
    const operator = await new JudgedOperator(netExporter(), 30).run(180);
    const before = operator.latest!.network;
    operator.lie = (from, target) => {
      if (!liars.includes(from)) return target;
      return target.node === 'n9' || target.server === '10.1.0.1:53' ? failures(target) : fast(target);
    };
    await operator.run(300);
    const named = operator.suspects.map(({ kind, name }) => `${kind} ${name}`);
    const own = liars.flatMap((liar) => [`Link ${liar}>n9`, `Link ${liar}>10.1.0.1:53`, `Link ${liar}<>n9`]);
    assert.deepEqual(
      named.filter((name) => !own.includes(name)),
      [],
    );
    const { attempts, p50 } = operator.latest!.network;
    assert.ok(attempts <= before.attempts && p50 === before.p50, `${attempts} attempts, ${p50} s`);
    assert.ok(operator.drops.counts['targets unjudged']! > 0);
  }
});

test('an agent whose pod is gone is forgotten, and its successor is heard', async () => {
  const operator = await new JudgedOperator().run(60);
  operator.pods.delete('p4');
  operator.pods.set('q4', agentPod({ uid: 'q4', name: 'q4', node: 'n4', addresses: ['10.0.0.44'] }));
  operator.fleet.replan(key);
  await operator.run(60);
  assert.deepEqual([operator.latest!.verdict.reporting, operator.suspects], [12, []]);
  assert.equal(operator.latest!.network.links.unreported, 0);
});
