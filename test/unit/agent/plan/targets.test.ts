import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupOf, isUndisturbed, planTargets, slotOf, type Target } from '../../../../src/agent/plan/targets.ts';
import type { Timing } from '../../../../src/agent/probes/probe.ts';
import { settingsWith } from '../settings-builder.ts';
import { subjectOf } from '../target-builder.ts';

const resolver = {
  nameservers: ['10.96.0.10', '10.96.0.11'],
  nameserverPort: 53,
  search: ['monitoring.svc.example.org', 'svc.example.org', 'example.org'],
  ndots: 5,
  clusterDomain: 'example.org',
};
const identity = { nodeName: 'node-a', podIps: ['10.1.0.1'] };
const plan = (settings = settingsWith(), addresses: string[] = []) =>
  planTargets(settings, resolver, { addresses }, identity);
const labelsOf = (targets: Target[], probe: Target['probe']) =>
  targets.filter((target) => target.probe === probe).map(({ labels }) => Object.values(labels).join(' '));

test('a peer has one slot for all protocols, everything else one of its own', () => {
  const ntp = { enabled: true, servers: ['10.0.0.123:123'] };
  const targets = plan(settingsWith({ network: { protocols: ['TCP', 'UDP'] }, ntp }), ['10.1.0.2', '10.1.0.3']);
  const peers = targets.filter(({ labels }) => 'peer_node' in labels && labels.host.startsWith('10.1.'));
  assert.equal(peers.length, 4);
  const slots = (of: Target[], timing: Timing) => new Set(of.map((target) => slotOf(target, timing))).size;
  assert.equal(slots(peers, 'kernel'), 2);
  assert.equal(slots(targets, 'kernel'), targets.length - 2);
  // Those that are timed by the clock would disturb each other.
  assert.equal(slots(targets, 'clock'), targets.length);
  for (const timing of ['kernel', 'clock'] as const)
    assert.ok(
      targets.every((target) => isUndisturbed(target, timing) === (target.probe !== 'ntp' && timing === 'kernel')),
    );
});

test('lookups of one server are a group, all else has none', () => {
  const servers = ['9.9.9.9:53', '9.9.9.9:5353'];
  const targets = plan(settingsWith({ dns: { hosts: ['a', 'b'], servers, recordTypes: ['A', 'AAAA'] } }), ['10.1.0.2']);
  const groups = Map.groupBy(targets, groupOf);
  assert.deepEqual([...groups.keys()], ['10.96.0.10:53', ...servers, undefined]);
  for (const server of servers) assert.equal(groups.get(server)!.length, 2 * 2 * 2);
  assert.ok(groups.get(undefined)!.every(({ probe }) => probe === 'network'));
});

test('without hosts the API server is looked up in the cluster’s own domain, at the first nameserver', () => {
  assert.deepEqual(labelsOf(plan(), 'dns'), [
    'kubernetes.default.svc.example.org. 10.96.0.10:53 UDP A',
    'kubernetes.default.svc.example.org. 10.96.0.10:53 TCP A',
  ]);
});

test('DNS: hosts × servers × protocols × record types, each host as it is written', () => {
  const settings = settingsWith({
    dns: { hosts: ['a', 'B.example.'], servers: ['[FD00:0::53]:53', '9.9.9.9:5353'], recordTypes: ['A', 'AAAA'] },
  });
  const labels = labelsOf(plan(settings), 'dns');
  assert.equal(labels.length, 2 * 3 * 2 * 2);
  assert.equal(new Set(labels).size, labels.length);
  for (const label of ['a 10.96.0.10:53 UDP A', 'B.example. 9.9.9.9:5353 TCP AAAA']) assert.ok(labels.includes(label));
});

test('DNS: a target says how to ask', () => {
  const settings = settingsWith({
    dns: { hosts: ['a'], protocols: ['TCP'], recordTypes: ['AAAA'], intervalMs: 2000, timeoutMs: 1000 },
  });
  const [target] = plan(settings);
  assert.deepEqual(target?.subject, {
    name: 'a',
    server: { host: '10.96.0.10', port: 53 },
    protocol: 'TCP',
    type: 'AAAA',
    resolver: { search: resolver.search, ndots: 5 },
  });
  assert.deepEqual([target.intervalMs, target.timeoutMs], [2000, 1000]);
});

test('DNS: a server that is the nameserver too, or a host named twice, is asked once', () => {
  const settings = settingsWith({ dns: { hosts: ['a', 'a'], servers: ['10.96.0.10:53'], protocols: ['UDP'] } });
  assert.deepEqual(labelsOf(plan(settings), 'dns'), ['a 10.96.0.10:53 UDP A']);
});

test('DNS: without a nameserver only the servers of the settings are asked', () => {
  const settings = settingsWith({ dns: { hosts: ['a'], servers: ['9.9.9.9:53'], protocols: ['UDP'] } });
  const targets = planTargets(settings, { ...resolver, nameservers: [] }, { addresses: [] }, identity);
  assert.deepEqual(labelsOf(targets, 'dns'), ['a 9.9.9.9:53 UDP A']);
});

test('network: the peers but not the agent itself, and the Service', () => {
  const targets = plan(settingsWith(), ['10.1.0.1', '10.1.0.2', 'fd00::2']);
  assert.deepEqual(labelsOf(targets, 'network').sort(), [
    '10.1.0.2:8000 TCP  ',
    '10.96.0.20:8000 TCP  ',
    '[fd00::2]:8000 TCP  ',
  ]);
  const v6 = targets.find((target) => subjectOf(target) === '[fd00::2]:8000');
  assert.deepEqual(v6?.subject, { protocol: 'TCP', host: 'fd00::2', port: 8000 });
  assert.deepEqual(v6?.labels, { host: '[fd00::2]:8000', protocol: 'TCP', peer_node: '', peer_zone: '' });
});

test('network: with UDP each peer gets echoes too, and the Service none', () => {
  const settings = settingsWith({ network: { protocols: ['TCP', 'UDP'], udp: { packets: 5, size: 1000 } } });
  const targets = plan(settings, ['10.1.0.1', '10.1.0.2', 'fd00::2']);
  assert.deepEqual(labelsOf(targets, 'network').sort(), [
    '10.1.0.2:8000 TCP  ',
    '10.1.0.2:8000 UDP  ',
    '10.96.0.20:8000 TCP  ',
    '[fd00::2]:8000 TCP  ',
    '[fd00::2]:8000 UDP  ',
  ]);
  assert.equal(new Set(targets.map(({ key }) => key)).size, targets.length);
  const echo = targets.find(
    (target) =>
      target.probe === 'network' && subjectOf(target) === '[fd00::2]:8000' && target.labels.protocol === 'UDP',
  );
  assert.deepEqual(echo?.subject, { protocol: 'UDP', host: 'fd00::2', port: 8000, packets: 5, size: 1000 });
});

test('network: with UDP alone peers get echoes only, and the Service is still dialled', () => {
  const settings = settingsWith({ network: { protocols: ['UDP'] } });
  assert.deepEqual(labelsOf(plan(settings, ['10.1.0.2']), 'network'), ['10.1.0.2:8000 UDP  ', '10.96.0.20:8000 TCP  ']);
});

test('network: no more peers than the settings say, the Service beside them', () => {
  const peers = Array.from({ length: 100 }, (_, n) => `10.2.0.${n}`);
  assert.equal(labelsOf(plan(settingsWith(), peers), 'network').length, 11);
  assert.equal(labelsOf(plan(settingsWith({ network: { peersPerAgent: 0 } }), peers), 'network').length, 1);
});

test('what is disabled has no targets', () => {
  const peers = ['10.1.0.2'];
  assert.deepEqual(labelsOf(plan(settingsWith({ dns: { enabled: false } }), peers), 'dns'), []);
  assert.deepEqual(labelsOf(plan(settingsWith({ network: { enabled: false } }), peers), 'network'), []);
});

test('a target keeps its key while its labels stay, whatever else the settings change', () => {
  const keys = (settings: ReturnType<typeof settingsWith>) => plan(settings, ['10.1.0.2']).map(({ key }) => key);
  const before = settingsWith({ network: { protocols: ['TCP', 'UDP'] } });
  const after = settingsWith({
    dns: { intervalMs: 3000, timeoutMs: 300 },
    network: {
      ...{ intervalMs: 700, timeoutMs: 100, peersPerAgent: 50 },
      ...{ protocols: ['TCP', 'UDP'], udp: { packets: 1, size: 32 } },
    },
    resource: { generation: 9 },
  });
  assert.deepEqual(keys(after), keys(before));
  assert.equal(new Set(keys(before)).size, 5);
});

test('NTP: each server once, by name or address, only while it is enabled', () => {
  const servers = ['10.0.0.123:123', 'ntp.example.com:123', '[fd00::123]:1123', '10.0.0.123:123'];
  const ntp = { servers, intervalMs: 64_000, timeoutMs: 2000 };
  assert.deepEqual(labelsOf(plan(settingsWith({ ntp })), 'ntp'), []);
  const targets = plan(settingsWith({ ntp: { ...ntp, enabled: true } })).filter(({ probe }) => probe === 'ntp');
  assert.deepEqual(targets.map(subjectOf), servers.slice(0, 3));
  const { search, ndots } = resolver;
  assert.deepEqual(
    targets.map(({ subject }) => subject),
    [
      { host: '10.0.0.123', port: 123, resolver: { search, ndots } },
      { host: 'ntp.example.com', port: 123, resolver: { search, ndots } },
      { host: 'fd00::123', port: 1123, resolver: { search, ndots } },
    ],
  );
  assert.deepEqual([targets[0]?.intervalMs, targets[0]?.timeoutMs], [64_000, 2000]);
});

const assignment = {
  peers: [
    { address: '10.1.0.7:8000', node: 'node-b', zone: 'zone-1' },
    { address: '[fd00::8]:9000', node: 'node-c', zone: '' },
  ],
  dnsServers: ['10.1.9.1:53', '[fd00::53]:5353'],
};
const planAssigned = (settings = settingsWith(), changes: Partial<typeof assignment> = {}) =>
  planTargets(settings, resolver, { ...assignment, ...changes }, identity);

test('assigned peers are probed where their assignment says, and described by node and zone', () => {
  const targets = planAssigned(settingsWith({ network: { protocols: ['TCP', 'UDP'], peersPerAgent: 1 } }));
  assert.deepEqual(labelsOf(targets, 'network'), [
    '10.1.0.7:8000 TCP node-b zone-1',
    '[fd00::8]:9000 TCP node-c ',
    '10.1.0.7:8000 UDP node-b zone-1',
    '[fd00::8]:9000 UDP node-c ',
    '10.96.0.20:8000 TCP  ',
  ]);
  const echo = targets.find(({ key }) => key.includes('fd00::8') && key.includes('UDP'));
  assert.deepEqual(echo?.subject, { protocol: 'UDP', host: 'fd00::8', port: 9000, packets: 3, size: 64 });
});

test('assigned DNS servers are asked beside those of the settings, each once', () => {
  const settings = settingsWith({ dns: { hosts: ['a'], protocols: ['UDP'], servers: ['10.1.9.1:53'] } });
  assert.deepEqual(labelsOf(planAssigned(settings), 'dns'), [
    'a 10.96.0.10:53 UDP A',
    'a 10.1.9.1:53 UDP A',
    'a [fd00::53]:5353 UDP A',
  ]);
});

test('an assignment without peers is one: none is probed', () => {
  assert.deepEqual(labelsOf(planAssigned(settingsWith(), { peers: [] }), 'network'), ['10.96.0.20:8000 TCP  ']);
});

test('what is disabled has no targets, assigned or not', () => {
  const settings = settingsWith({ dns: { enabled: false }, network: { enabled: false } });
  assert.deepEqual(planAssigned(settings), []);
});

test('a target keeps its key over another assignment that has it too', () => {
  const [kept] = assignment.peers;
  const keys = (peers: typeof assignment.peers) => planAssigned(settingsWith(), { peers }).map(({ key }) => key);
  const after = new Set(keys([{ address: '10.1.0.9:8000', node: 'node-d', zone: '' }, kept!]));
  assert.equal(keys(assignment.peers).filter((key) => after.has(key)).length, 8);
});
