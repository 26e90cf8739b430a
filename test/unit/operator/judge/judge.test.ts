import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Judge } from '../../../../src/operator/judge/judge.ts';
import type { Scene } from '../../../../src/operator/judge/scene.ts';
import { keyOfName, namesOf } from '../../../../src/operator/judge/subjects.ts';
import { JudgedFleet, judgeOptions, type Probe, resolver, service } from './judged-fleet.ts';

const podOn = (node: string) => (node === 'node-1' ? '10.1.0.1:53' : '10.1.0.2:53');

/** Whether an attempt leads to a node: by a dial, or by a lookup at the DNS pod on it. */
const leadsTo = (node: string, { to }: Probe) => to === node || (node <= 'node-2' && to === podOn(node));

/** Of lookups at the DNS Service, those that a pod answers: every other one. */
const isHalf = ({ round, stream }: Probe) => (round + stream) % 2 === 0;

/** Endings of all attempts that a condition holds for. */
const failing =
  (isBad: (probe: Probe) => boolean, ending: 'timeout' | 'refused' | 'retransmit' = 'timeout') =>
  (probe: Probe) =>
    isBad(probe) ? ending : undefined;

function healthy(size = 12, zones = 3): JudgedFleet {
  const fleet = new JudgedFleet(size, zones).run(13);
  assert.deepEqual(fleet.suspects, []);
  return fleet;
}

test('says nothing of a healthy fleet, and that it is warming up first', () => {
  const fleet = new JudgedFleet(12).run(1);
  assert.equal(fleet.verdict!.isWarming, true);
  fleet.run(12);
  assert.equal(fleet.verdict!.isWarming, false);
  assert.deepEqual(fleet.raised, []);
});

test('a dead node whose agent is silent cannot be reached', () => {
  const fleet = healthy();
  fleet.silent.add('node-5');
  fleet.nodes.set('node-5', { ...fleet.nodes.get('node-5')!, ready: false });
  fleet.run(
    6,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Unreachable']);
  assert.match(
    fleet.verdict!.suspects[0]!.evidence,
    /^Node node-5 cannot be reached: 11 of 11 peers fail \(\d+ of \d+ probes in 30 s timed out\); its Node is NotReady; its agent does not report\.$/,
  );
});

test('a node that only others cannot reach is inbound', () => {
  const fleet = healthy().run(
    6,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Inbound']);
  assert.match(fleet.verdict!.suspects[0]!.evidence, /; it reaches 11 of 11 peers\.$/);
});

test('a fault that is over keeps its reason until it is cleared', () => {
  const fleet = healthy().run(
    6,
    failing((probe) => leadsTo('node-5', probe)),
  );
  const { evidence } = fleet.verdict!.suspects[0]!;
  for (let rounds = 0; fleet.suspects.length > 0; rounds++) {
    assert.deepEqual(fleet.suspects, ['Node node-5 Inbound']);
    assert.ok(rounds < 12);
    fleet.run(1);
  }
  assert.match(evidence, /^Node node-5 cannot be reached: /);
});

test('a fault that becomes soft is described as such after a window', () => {
  const fleet = healthy().run(
    6,
    failing((probe) => leadsTo('node-5', probe)),
  );
  fleet.run(
    14,
    failing((probe) => leadsTo('node-5', probe) && (probe.round * 7 + probe.stream * 3) % 5 < 2, 'retransmit'),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Loss']);
});

test('a node that reaches no one and is reached is outbound', () => {
  const fleet = healthy().run(
    6,
    failing(({ from }) => from === 'node-5'),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Outbound']);
  assert.match(fleet.verdict!.suspects[0]!.evidence, /; 11 of 11 peers reach it\.$/);
});

test('a node that loses a fifth of packets is found by retransmits alone', () => {
  const fleet = healthy().run(
    14,
    failing(
      ({ from, to, round, stream }) => (from === 'node-5' || to === 'node-5') && (round * 7 + stream * 3) % 5 === 0,
      'retransmit',
    ),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Loss']);
  const share = Number(/loses packets: ([\d.]+) % of/.exec(fleet.verdict!.suspects[0]!.evidence)?.[1]);
  assert.ok(Math.abs(share - 20) < 5, `${share} %`);
});

test('a dead DNS pod on a dead node is the node', () => {
  const fleet = healthy();
  fleet.silent.add('node-1');
  fleet.run(
    6,
    failing((probe) => leadsTo('node-1', probe) || (probe.to === resolver && isHalf(probe))),
  );
  assert.deepEqual(fleet.suspects, ['Node node-1 Unreachable']);
});

test('one link is a link, and its sentence says who else reaches its end', () => {
  const fleet = healthy().run(
    9,
    failing(({ from, to }) => from === 'node-3' && to === 'node-9'),
  );
  assert.deepEqual(fleet.suspects, ['Link node-3>node-9 Unreachable']);
  assert.match(
    fleet.verdict!.suspects[0]!.evidence,
    /^Link node-3 → node-9: (\d+) of \1 probes in 30 s timed out; node-9 is reached by 10 others, node-3 reaches 10 others\.$/,
  );
});

test('a link that fails both ways is one suspect', () => {
  const ends = new Set(['node-3', 'node-9']);
  const fleet = healthy().run(
    9,
    failing(({ from, to }) => ends.has(from) && ends.has(to)),
  );
  assert.deepEqual(fleet.suspects, ['Link node-3<>node-9 Unreachable']);
});

test('a node that reaches pods and no ClusterIP has a broken service path', () => {
  const fleet = healthy().run(
    7,
    failing(({ from, to }) => from === 'node-4' && (to === resolver || to === service)),
  );
  assert.deepEqual(fleet.suspects, ['ServicePath node-4>ClusterIPs Unreachable']);
});

test('only the DNS Service from one node is a service path to it', () => {
  const fleet = healthy().run(
    8,
    failing(({ from, to }) => from === 'node-4' && to === resolver),
  );
  assert.deepEqual(fleet.suspects, [`ServicePath node-4>${resolver} Unreachable`]);
});

test('loss between two zones is a pair of zones', () => {
  const fleet = healthy();
  const zone = (name: string) => fleet.nodes.get(name)?.zone;
  fleet.run(
    12,
    failing(({ from, to, round, stream }) => {
      const zones = new Set([zone(from), zone(to)]);
      return zones.has('zone-a') && zones.has('zone-b') && (round * 3 + stream * 5) % 10 < 3;
    }, 'retransmit'),
  );
  assert.deepEqual(fleet.suspects, ['ZonePair zone-a<>zone-b Loss']);
});

test('a zone that is cut off is the zone, and not its nodes or pairs', () => {
  const fleet = healthy(18);
  const isInside = (name: string) => fleet.nodes.get(name)?.zone === 'zone-c';
  fleet.run(
    6,
    failing(({ from, to }) =>
      fleet.nodes.has(to) ? isInside(from) !== isInside(to) : to !== service && isInside(from),
    ),
  );
  assert.deepEqual(fleet.suspects, ['Zone zone-c Unreachable']);
});

test('a DNS pod that does not answer explains the DNS Service', () => {
  const fleet = healthy().run(
    6,
    failing((probe) => probe.to === '10.1.0.2:53' || (probe.to === resolver && isHalf(probe))),
  );
  assert.deepEqual(fleet.suspects, ['DNSServer 10.1.0.2:53 Unreachable']);
  assert.match(
    fleet.verdict!.suspects[0]!.evidence,
    /^DNS server 10\.1\.0\.2:53 \(coredns-2 on node-2\): (\d+) of \1 lookups by 12 nodes timed out; 1 of 1 other pods answer; 1 of 2 lookups at 10\.96\.0\.10:53 is affected\.$/,
  );
});

test('the evidence about a link has the numbers of the ends that it names, also under a new leader', () => {
  const ends = (probe: Probe) => [probe.from, probe.to].sort().join();
  const areDead = failing((probe) => ['node-10,node-9', 'node-3,node-9'].includes(ends(probe)));
  const fleet = healthy().run(8, areDead);
  const sentence = () => fleet.verdict!.suspects.find(({ name }) => name === 'node-10<>node-9')?.evidence;
  assert.match(sentence()!, /; node-9 is reached by 9 others, node-10 reaches 10 others\.$/);
  const before = fleet.verdict!.suspects;
  fleet.judge = new Judge(fleet.clock, judgeOptions);
  fleet.judge.adopt(before);
  const last = [...fleet.states].find(([name]) => name === 'node-10')!;
  fleet.states.delete('node-10');
  fleet.states.set(...last);
  fleet.run(14, areDead);
  assert.match(sentence()!, /; node-9 is reached by 9 others, node-10 reaches 10 others\.$/);
});

test('names that are too long are cut so that both ends are there, also for a new leader', () => {
  const scene = { nodes: ['x', 'y'].map((letter) => ({ name: letter.repeat(253) })), servers: [] } as unknown as Scene;
  const { name, key } = namesOf({ kind: 'Link', a: 0, b: 1 }, 'all', scene);
  assert.match(name, /^x{125}<>y{125}$/);
  assert.equal(keyOfName('Link', name), key);
  const absolute = `${'x'.repeat(253)}.`;
  const host = namesOf({ kind: 'Host', a: 0, b: 0 }, 'all', { hosts: [absolute] } as unknown as Scene);
  assert.equal(host.name, 'x'.repeat(253));
  assert.equal(keyOfName('Host', host.name), host.key);
});

test('a DNS pod that refuses is refused', () => {
  const fleet = healthy().run(
    6,
    failing(({ to }) => to === '10.1.0.2:53', 'refused'),
  );
  assert.deepEqual(fleet.suspects, ['DNSServer 10.1.0.2:53 Refused']);
});

test('a name that has no address anywhere is the name; others are well', () => {
  const fleet = new JudgedFleet(12);
  fleet.hosts = ['kubernetes.default.svc.cluster.local.', 'gone.example.'];
  fleet.run(13).run(6, ({ host }) => (host === 'gone.example.' ? 'nxdomain' : undefined));
  assert.deepEqual(fleet.suspects, ['Host gone.example. Errors']);
});

test('errors of one server are the server, and not the name', () => {
  const fleet = healthy().run(6, ({ to }) => (to === '10.1.0.2:53' ? 'servfail' : undefined));
  assert.deepEqual(fleet.suspects, ['DNSServer 10.1.0.2:53 Errors']);
});

test('a node with slow exchanges is slow, though each of them is below the threshold of the spec', () => {
  const fleet = healthy().run(8, ({ from, to }) => (from === 'node-5' || to === 'node-5' ? 0.012 : undefined));
  assert.deepEqual(fleet.suspects, ['Node node-5 Slow']);
});

test('zones that are always far apart are not slow', () => {
  const fleet = new JudgedFleet(12, 2);
  const zone = (name: string) => fleet.nodes.get(name)?.zone;
  fleet.run(20, ({ from, to }) => (fleet.nodes.has(to) && zone(from) !== zone(to) ? 0.015 : undefined));
  assert.deepEqual(fleet.raised, []);
});

test('one lost probe on every link makes no suspect', () => {
  const fleet = healthy()
    .run(1, () => 'timeout')
    .run(12);
  assert.deepEqual(fleet.raised, []);
});

test('peers that refuse are reached: no suspect', () => {
  const fleet = healthy().run(
    9,
    failing(({ to }) => to === 'node-5', 'refused'),
  );
  assert.deepEqual(fleet.raised, []);
});

test('a silent agent alone makes no suspect', () => {
  const fleet = healthy();
  fleet.silent.add('node-5');
  fleet.run(12);
  assert.deepEqual(fleet.raised, []);
});

test('failures to a node that drains do not count', () => {
  const fleet = healthy();
  fleet.states.set('node-5', 'draining');
  fleet.run(
    9,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.deepEqual(fleet.raised, []);
});

test('failures to an address that the node no longer has do not count', () => {
  const fleet = healthy().run(
    2,
    failing(({ to }) => to === 'node-5'),
  );
  fleet.addresses.set('node-5', '10.0.0.99:8000');
  fleet.run(9);
  assert.deepEqual(fleet.raised, []);
});

test('a node that is not to be judged is never a suspect, and neither are its links', () => {
  const fleet = healthy();
  fleet.exempt.add('node-5');
  fleet.run(
    9,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.deepEqual(fleet.raised, []);
});

test('reports of a long time without the operator do not count', () => {
  const fleet = healthy();
  fleet.spanMs = 31_000;
  fleet.run(
    9,
    failing(({ to }) => to === 'node-5'),
  );
  assert.deepEqual(fleet.raised, []);
});

test('a suspect is cleared within 90 s and not raised again', () => {
  const fleet = healthy().run(
    8,
    failing((probe) => leadsTo('node-5', probe)),
  );
  fleet.run(9);
  assert.deepEqual(fleet.suspects, []);
  assert.equal(fleet.cleared.length, 1);
  fleet.run(15);
  assert.equal(fleet.raised.length, 1);
});

test('a link with few probes is cleared as fast, and one more lost probe does not raise it again', () => {
  const isLink = failing(({ from, to }) => from === 'node-3' && to === 'node-9');
  const fleet = healthy().run(10, isLink).run(9);
  assert.deepEqual(fleet.suspects, []);
  fleet.run(1, isLink).run(12);
  assert.equal(fleet.raised.length, 1);
});

test('a node that is away for a third of the time stays a suspect', () => {
  const fleet = healthy().run(24, (probe) =>
    probe.round % 3 === 0 && leadsTo('node-5', probe) ? 'timeout' : undefined,
  );
  assert.deepEqual(
    fleet.raised.map(({ kind, name }) => `${kind} ${name}`),
    ['Node node-5'],
  );
  assert.deepEqual(fleet.cleared, []);
});

test('a new leader adopts suspects, neither clears nor raises them again, and clears them after their end', () => {
  const fleet = healthy().run(
    8,
    failing((probe) => leadsTo('node-5', probe)),
  );
  const before = fleet.verdict!.suspects;
  fleet.judge = new Judge(fleet.clock, judgeOptions);
  fleet.judge.adopt(before);
  fleet.run(
    12,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.equal(fleet.raised.length, 1);
  assert.deepEqual(fleet.cleared, []);
  assert.equal(fleet.verdict!.suspects[0]!.since, before[0]!.since);
  fleet.run(12);
  assert.equal(fleet.cleared.length, 1);
});

test('while hardly any agent reports, no suspect is cleared', () => {
  const fleet = healthy().run(
    8,
    failing((probe) => leadsTo('node-5', probe)),
  );
  for (const name of fleet.nodes.keys()) fleet.silent.add(name);
  fleet.run(20);
  assert.deepEqual(
    fleet.verdict!.suspects.map(({ name }) => name),
    ['node-5'],
  );
  assert.deepEqual(fleet.cleared, []);
});

test('a node with another boot id than when it was raised has rebooted', () => {
  const fleet = healthy().run(
    6,
    failing((probe) => leadsTo('node-5', probe)),
  );
  fleet.nodes.set('node-5', { ...fleet.nodes.get('node-5')!, bootId: 'another' });
  fleet.run(
    1,
    failing((probe) => leadsTo('node-5', probe)),
  );
  assert.deepEqual(fleet.suspects, ['Node node-5 Rebooted']);
});

test('some nodes of a zone are these nodes, and half of the links of a node are these links', () => {
  const dead = new Set(['node-3', 'node-6']);
  const nodes = healthy(18).run(
    8,
    failing(({ from, to }) => dead.has(to) || (dead.has(from) && !dead.has(to))),
  );
  assert.deepEqual(nodes.suspects.sort(), ['Node node-3 Unreachable', 'Node node-6 Unreachable']);
  const peers = new Set(['node-6', 'node-7', 'node-8', 'node-9', 'node-10', 'node-11', 'node-12']);
  const links = healthy(15).run(
    12,
    failing(({ from, to }) => (from === 'node-5' && peers.has(to)) || (to === 'node-5' && peers.has(from))),
  );
  assert.deepEqual(
    links.suspects.sort(),
    [...peers].map((peer) => `Link ${['node-5', peer].sort().join('<>')} Unreachable`).sort(),
  );
});
