import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planTargets, type ResolverConfiguration } from '../../../../src/agent/plan/targets.ts';
import { ReportLedger } from '../../../../src/agent/sync/report-ledger.ts';
import { plannedLinks } from '../../../../src/operator/agents/planned-links.ts';
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
  ...{ version: 1, uid: 'u', epoch: 1, revision: 1 },
  peers: [{ address: '10.0.0.2:8000', node: 'node-b', zone: 'z' }],
  dnsServers: ['10.2.0.53:53'],
};
const settings = settingsWith({
  dns: { hosts: ['a.', 'b'], servers: ['9.9.9.9:53'] },
  network: { enabled: true, protocols: ['TCP', 'UDP'], services: ['10.96.7.7:8000'], peerPort: 8000 },
  ntp: { enabled: true, servers: ['time.example:123'] },
});

/** What an agent reports once each of its targets had a turn. */
function reported(of: Settings, assigned: Assignment): Link[] {
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
      const isPlanned = plannedLinks(given, assigned, given.network.services)([]);
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
  const isPlanned = plannedLinks(settings, assignment, settings.network.services)(links);
  for (const link of links)
    for (const change of changes) {
      const other = { ...link, ...change };
      assert.equal(isPlanned(other), own.has(JSON.stringify(keyOf(other))), JSON.stringify(other));
    }
});

test('an agent has one nameserver of its own and one cluster domain, those that it reports first', () => {
  const ofDefault = settingsWith({ dns: { hosts: [], protocols: ['UDP'] } });
  const [link] = reported(ofDefault, assignment);
  const plan = plannedLinks(ofDefault, assignment, []);
  const other = { ...link!, server: '10.96.0.11:53' };
  const elsewhere = { ...link!, host: 'kubernetes.default.svc.elsewhere.' };
  const first = plan([]);
  assert.deepEqual([first(link!), first(other), first(elsewhere)], [true, false, false]);
  const later = plan([link!]);
  assert.deepEqual([later(other), later(elsewhere), later(link!)], [false, false, true]);
  assert.equal(plan([])(other), true, 'after the first is no longer in the window');
  for (const server of ['', 'x', '10.96.0.11', 'name:53']) assert.equal(plan([])({ ...link!, server }), false, server);
});

test('while the addresses of the agents’ Service are unknown, an agent reports at most two of them', () => {
  const service = (host: string): Link => ({
    ...{ probe: 'network', host, server: '', protocol: 'TCP', type: '', node: '', zone: '' },
  });
  const plan = plannedLinks(settings, assignment, undefined);
  const isPlanned = plan([]);
  const hosts = ['10.96.0.1:443', '10.96.7.7:8000', '[fd00::7]:8000', '10.96.7.8:8000'];
  assert.deepEqual(
    hosts.map((host) => isPlanned(service(host))),
    [false, true, true, false],
  );
  assert.equal(plan([service('10.96.7.7:8000'), service('[fd00::7]:8000')])(service('10.96.7.8:8000')), false);
  assert.equal(plannedLinks(settings, assignment, [])([])(service('10.96.7.7:8000')), false);
});

test('an agent without an assignment may report nothing about peers', () => {
  const isPlanned = plannedLinks(settings, undefined, [])([]);
  assert.deepEqual(
    [
      ...new Set(
        reported(settings, assignment)
          .filter(isPlanned)
          .map(({ probe }) => probe),
      ),
    ].sort(),
    ['dns', 'ntp'],
  );
});

function keyOf({ probe, host, server, protocol, type, node, zone }: Link): string[] {
  return [probe, host, server, protocol, type, node, zone];
}
