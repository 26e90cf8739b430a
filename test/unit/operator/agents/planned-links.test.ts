import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AvailablePeers, planTargets, type ResolverConfiguration } from '../../../../src/agent/plan/targets.ts';
import { ReportLedger } from '../../../../src/agent/sync/report-ledger.ts';
import { type PlannedFrom, plannedLinks, possibleLinks } from '../../../../src/operator/agents/planned-links.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Assignment } from '../../../../src/protocol/assignment.ts';
import type { Settings } from '../../../../src/protocol/settings.ts';
import { settingsWith } from '../../agent/settings-builder.ts';
import { FakeClock } from '../../fake-clock.ts';
import { settings as anySettings, assignments } from '../../protocol/documents.ts';

const resolver: ResolverConfiguration = {
  ...{ nameservers: ['10.96.0.10'], nameserverPort: 53, search: [], ndots: 5, clusterDomain: 'example.org' },
};
const identity = { nodeName: 'node-a', podIps: ['10.1.0.1'] };
const assignment: Assignment = {
  ...{ version: 1, uid: 'u', epoch: 1, revision: 1, zone: '' },
  peers: [{ address: '10.0.0.2:8000', node: 'node-b', zone: 'z' }],
  dnsServers: ['10.2.0.53:53'],
};
const settings = settingsWith({
  dns: { hosts: ['a.', 'b'], servers: ['9.9.9.9:53'] },
  network: { enabled: true, protocols: ['TCP', 'UDP'], services: ['10.96.7.7:8000'], peerPort: 8000 },
  ntp: { enabled: true, servers: ['time.example:123'] },
});

/** The links that an agent may report. By default no other agent has DNS servers. */
const planned = (
  of: Settings,
  assigned: Assignment | undefined,
  services: readonly string[] | undefined,
  { current = [], retired = [] }: { current?: string[]; retired?: string[] } = {},
) => {
  const dnsServers: PlannedFrom['dnsServers'] = {
    isCurrent: (server) => current.includes(server),
    isRetired: (server) => retired.includes(server),
  };
  return plannedLinks({ settings: of, assignment: assigned, services, dnsServers });
};

/** What an agent reports once each of its targets had a turn. */
function reported(of: Settings, assigned: AvailablePeers): Link[] {
  const ledger = new ReportLedger(new FakeClock(), { dropped() {} });
  const result = { latencies: [0.001], failures: [], retransmits: 0, timing: 'clock' as const };
  for (const target of planTargets(of, resolver, assigned, identity)) ledger.record(target, result);
  const links: Link[] = [];
  for (let report = ledger.report(); report; report = ledger.report()) {
    links.push(...report.targets);
    ledger.acknowledge(report);
  }
  return links;
}

const reasonable = anySettings.map((given) => ({
  ...given,
  dns: { ...given.dns, hosts: given.dns.hosts.filter((host) => !host.startsWith('kubernetes.default.svc.')) },
}));

test('an agent may report each target that it plans from its settings and its assignment', () => {
  fc.assert(
    fc.property(reasonable, assignments, (given, assigned) => {
      const isPlanned = planned(given, assigned, given.network.services)([]);
      for (const link of reported(given, assigned)) assert.ok(isPlanned(link), JSON.stringify(link));
    }),
    { numRuns: 50 },
  );
});

test('an agent cannot report anything about targets that are not its own', () => {
  const links = reported(settings, assignment);
  assert.equal(links.length, 2 * 3 * 2 + 2 + 1 + 1);
  const own = new Set(links.map((link) => JSON.stringify(keyOf(link))));
  const changes: Partial<Link>[] = [
    ...[{ host: 'c.' }, { host: '10.0.0.3:8000' }, { host: 'other.example:123' }, { server: '8.8.8.8:53' }],
    ...[{ node: 'node-c' }, { node: '' }, { zone: 'y' }, { zone: '' }, { protocol: 'SCTP' }, { type: 'AAAA' }],
    ...[{ protocol: 'UDP' }, { protocol: 'TCP' }, { server: '' }, { server: 'x' }, { type: '' }],
    ...[{ probe: 'dns' as const }, { probe: 'ntp' as const }, { probe: 'network' as const }],
  ];
  const isPlanned = planned(settings, assignment, settings.network.services)(links);
  for (const link of links)
    for (const change of changes) {
      const other = { ...link, ...change };
      // Peers that an agent chose itself have neither; they are the subject of a test of their own.
      if (other.probe === 'network' && `${other.node}${other.zone}` === '') continue;
      assert.equal(isPlanned(other), own.has(JSON.stringify(keyOf(other))), JSON.stringify(other));
    }
});

test('an agent has one nameserver of its own and one cluster domain, those that it reports first', () => {
  const ofDefault = settingsWith({ dns: { hosts: [], protocols: ['UDP'] } });
  const [link] = reported(ofDefault, assignment);
  const plan = planned(ofDefault, assignment, []);
  const other = { ...link!, server: '10.96.0.11:53' };
  const elsewhere = { ...link!, host: 'kubernetes.default.svc.elsewhere.' };
  const first = plan([]);
  assert.deepEqual([first(link!), first(other), first(elsewhere)], [true, false, false]);
  const later = plan([link!]);
  assert.deepEqual([later(other), later(elsewhere), later(link!)], [false, false, true]);
  assert.equal(plan([])(other), true, 'after the first is no longer in the window');
  for (const server of ['', 'x', '10.96.0.11', 'name:53']) assert.equal(plan([])({ ...link!, server }), false, server);
});

test('an agent whose own DNS server was retired reports the nameserver in its resolv.conf and the last results of the other', () => {
  const without = { ...assignment, dnsServers: [] };
  const links = reported(settings, assignment);
  const ofRetired = links.filter(({ server }) => server === '10.2.0.53:53');
  const own = links.filter(({ server }) => server === '10.96.0.10:53');
  assert.ok(ofRetired.length > 0 && own.length > 0);
  const isPlanned = planned(settings, without, [], { retired: ['10.2.0.53:53'] })(ofRetired);
  for (const link of [...ofRetired, ...own]) assert.ok(isPlanned(link), JSON.stringify(link));
  assert.equal(isPlanned({ ...own[0]!, server: '10.96.0.11:53' }), false);
});

test('an agent that moved to another DNS pod reports its nameserver and the last results of the pod before', () => {
  const [before, now, other, another] = [1, 2, 3, 4].map((host) => `10.2.0.${host}:53`);
  const current = [before!, now!, other!, another!];
  const dnsLink = reported(settings, assignment).find(({ probe }) => probe === 'dns')!;
  const to = (server: string) => ({ ...dnsLink, server });
  const moved = { ...assignment, dnsServers: [now!] };
  for (const known of [[to(before!)], []]) {
    const isPlanned = planned(settings, moved, [], { current })(known);
    for (const server of [before!, now!, '10.96.0.10:53']) assert.ok(isPlanned(to(server)), server);
    assert.deepEqual(
      [other, another].map((server) => isPlanned(to(server!))),
      [true, false],
      'of others two at most',
    );
    assert.equal(isPlanned(to('10.96.0.11:53')), false);
  }
});

const withoutNode = (host: string, protocol = 'TCP'): Link => ({
  ...{ probe: 'network', host, server: '', protocol, type: '', node: '', zone: '' },
});

test('an agent may report the peers that it chose itself while it had no assignment', () => {
  const addresses = Array.from({ length: 40 }, (_, index) => `10.0.1.${index + 1}`);
  const links = reported(settings, { addresses });
  assert.equal(links.filter(({ probe }) => probe === 'network').length, 2 * settings.network.peersPerAgent + 1);
  for (const assigned of [assignment, undefined])
    for (const services of [settings.network.services, undefined]) {
      const isPlanned = planned(settings, assigned, services)([]);
      for (const link of links) assert.ok(isPlanned(link), JSON.stringify(link));
    }
});

test('of addresses without a node an agent may report those of two choices of peers, and those of its Service', () => {
  const { peersPerAgent, services } = settings.network;
  const peers = Array.from({ length: 100 }, (_, index) => withoutNode(`10.0.${index}.1:8000`));
  const accepted = (known: Link[], given: readonly string[] | undefined) =>
    peers.filter(planned(settings, assignment, given)(known)).length;
  assert.equal(accepted([], services), 2 * peersPerAgent);
  assert.equal(accepted([], undefined), 2 * peersPerAgent + 2);
  assert.equal(accepted(peers.slice(-2 * peersPerAgent), services), 2 * peersPerAgent, 'the known ones only');
  assert.equal(
    accepted(
      services.map((host) => withoutNode(host)),
      services,
    ),
    2 * peersPerAgent,
  );
  const isPlanned = planned(settings, assignment, services)([]);
  const refused = [withoutNode('10.0.0.1:443'), withoutNode('name:8000'), withoutNode('10.0.0.1:8000', 'SCTP')];
  assert.deepEqual(refused.filter(isPlanned), []);
  assert.equal(isPlanned(withoutNode(services[0]!, 'UDP')), false, 'no echo goes to a Service');
  const tcp = settingsWith({ network: { ...settings.network, protocols: ['TCP'] } });
  assert.equal(planned(tcp, assignment, services)([])(withoutNode('10.0.0.1:8000', 'UDP')), false);
});

test('while the addresses of the agents’ Service are unknown, two of them count', () => {
  const isPlanned = planned(
    settingsWith({ network: { ...settings.network, peersPerAgent: 0 } }),
    assignment,
    undefined,
  )([]);
  const hosts = ['10.96.0.1:443', '10.96.7.7:8000', '[fd00::7]:8000', '10.96.7.8:8000'];
  assert.deepEqual(
    hosts.map((host) => isPlanned(withoutNode(host))),
    [false, true, true, false],
  );
});

test('an agent without an assignment may report nothing about the nodes of peers', () => {
  const isPlanned = planned(settings, undefined, [])([]);
  const links = reported(settings, assignment).filter(isPlanned);
  assert.deepEqual([...new Set(links.map(({ probe, node }) => `${probe} ${node}`))].sort(), [
    'dns ',
    'network ',
    'ntp ',
  ]);
});

test('while nobody knows the spec that an agent has, it may report whatever could be a target', () => {
  fc.assert(
    fc.property(anySettings, assignments, (given, assigned) => {
      const isPossible = possibleLinks([]);
      for (const link of reported(given, assigned)) assert.ok(isPossible(link), JSON.stringify(link));
    }),
    { numRuns: 50 },
  );
  const [lookup] = reported(settings, assignment);
  const isPossible = possibleLinks([]);
  const changes: Partial<Link>[] = [{ server: 'x' }, { node: 'n' }, { zone: 'z' }, { type: '' }, { host: '' }];
  for (const change of changes) assert.equal(isPossible({ ...lookup!, ...change }), false, JSON.stringify(change));
  assert.equal(isPossible({ ...withoutNode('10.0.0.1:8000'), server: '9.9.9.9:53' }), false);
  assert.equal(isPossible(withoutNode('x')), false);
});

function keyOf({ probe, host, server, protocol, type, node, zone }: Link): string[] {
  return [probe, host, server, protocol, type, node, zone];
}
