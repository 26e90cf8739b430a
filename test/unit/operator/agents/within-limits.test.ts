import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NetExporterSpec } from '../../../../src/crd/net-exporter.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { withinLimits } from '../../../../src/operator/agents/within-limits.ts';
import type { Settings } from '../../../../src/protocol/settings.ts';
import { netExporter } from '../net-exporter-builder.ts';

const names = Array.from({ length: 64 }, (_, index) => `h${index}.example.com.`);
const servers = Array.from({ length: 16 }, (_, index) => `10.1.0.${index + 1}`);

function limited(change: (spec: NetExporterSpec) => void, addresses = ['10.96.0.7', 'fd00::7']) {
  const resource = netExporter(change);
  const given = settingsOf(resource, addresses);
  return { given, ...withinLimits(given, resource.spec.dns.endpointsPerAgent) };
}

function lookups({ dns }: Settings, endpoints: number): number {
  const ofEach = dns.protocols.length * dns.recordTypes.length;
  return dns.enabled ? Math.max(dns.hosts.length, 1) * (1 + dns.servers.length + endpoints) * ofEach : 0;
}

/** Packets of all probes. */
function perSecond(settings: Settings, endpoints: number): number {
  const { dns, network, ntp } = settings;
  const perPeer = { TCP: 1, UDP: network.udp.packets };
  const ofPeers = network.peersPerAgent * network.protocols.reduce((sum, protocol) => sum + perPeer[protocol], 0);
  const ofNetwork = network.enabled ? ((ofPeers + network.services.length) * 1000) / network.intervalMs : 0;
  const ofNtp = ntp.enabled ? (ntp.servers.length * 1000) / ntp.intervalMs : 0;
  return (lookups(settings, endpoints) * 1000) / dns.intervalMs + ofNetwork + ofNtp;
}

test('the default spec, and one at every limit, are planned as they are', () => {
  for (const change of [
    () => {},
    ({ dns }: NetExporterSpec) =>
      Object.assign(dns, { hosts: names.slice(0, 50), servers: servers.slice(0, 7), endpointsPerAgent: 2 }),
    ({ dns }: NetExporterSpec) => Object.assign(dns, { enabled: false, hosts: names, servers, interval: '1s' }),
    ({ dns, network }: NetExporterSpec) => {
      dns.enabled = false;
      Object.assign(network, { peersPerAgent: 100, protocols: ['UDP'], interval: '1s', timeout: '1s', service: false });
      network.udp.packets = 10;
    },
  ]) {
    const { settings, given, exceeded } = limited(change);
    assert.deepEqual([settings, exceeded], [given, []]);
  }
});

test('of too many names only the first are looked up, and the sentence says how many', () => {
  const { settings, exceeded } = limited(({ dns }) =>
    Object.assign(dns, { hosts: names, servers, recordTypes: ['A', 'AAAA'] }),
  );
  // 1 + 16 + 2 servers, two protocols and two record types: 76 lookups for each name.
  assert.deepEqual(settings.dns.hosts, names.slice(0, 13));
  assert.equal(settings.dns.intervalMs, 10_000);
  assert.equal(exceeded.length, 1);
  assert.match(exceeded[0]!, /^Agents look up only the first 13 of 64 names in spec\.dns\.hosts, because .* 1000 /);
});

test('an interval too short for the lookups is extended, and everything is still looked up', () => {
  const { settings, given, exceeded } = limited(({ dns }) =>
    Object.assign(dns, { hosts: names.slice(0, 50), servers: servers.slice(0, 7), interval: '1s', timeout: '1s' }),
  );
  assert.deepEqual(settings.dns, { ...given.dns, intervalMs: 10_000 });
  assert.match(exceeded.join(), /^Agents look up each name every 10000ms, because spec\.dns\.interval .* 100 lookups/);
});

test('an interval too short for the packets to peers is extended', () => {
  const { settings, given, exceeded } = limited(({ network }) => {
    Object.assign(network, { peersPerAgent: 100, protocols: ['TCP', 'UDP'], interval: '1s', timeout: '1s' });
    network.udp.packets = 10;
  });
  assert.deepEqual({ ...settings.network, intervalMs: 1000 }, given.network);
  assert.ok(settings.network.intervalMs > 1100 && settings.network.intervalMs < 1110);
  assert.match(exceeded.join(), /^Agents probe each peer every 11\d\dms, because the spec requests more than 1000 /);
});

test('whatever an older CRD accepted is planned within every limit, with as little change as possible', () => {
  const durations = fc.constantFrom('1s', '2s', '5s', '10s', '1m', '1h');
  const specs = fc.record({
    hosts: fc.nat(64),
    servers: fc.nat(16),
    endpoints: fc.nat(16),
    protocols: fc.constantFrom(['TCP'], ['UDP'], ['UDP', 'TCP']),
    recordTypes: fc.constantFrom(['A'], ['A', 'AAAA']),
    intervals: fc.tuple(durations, durations, durations),
    enabled: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    peersPerAgent: fc.nat(100),
    packets: fc.integer({ min: 1, max: 10 }),
    timeServers: fc.nat(8),
  });
  fc.assert(
    fc.property(specs, (given) => {
      const {
        settings,
        given: asked,
        exceeded,
      } = limited(({ dns, network, ntp }) => {
        const [ofDns, ofNetwork, ofNtp] = given.intervals.map((interval) => ({ interval, timeout: '1s' }));
        const { protocols, recordTypes, endpoints: endpointsPerAgent, peersPerAgent } = given;
        const hosts = names.slice(0, given.hosts);
        Object.assign(dns, { ...ofDns, hosts, servers: servers.slice(0, given.servers), protocols, recordTypes });
        Object.assign(dns, { endpointsPerAgent, enabled: given.enabled[0] });
        Object.assign(network, { ...ofNetwork, protocols, peersPerAgent, enabled: given.enabled[1] });
        network.udp.packets = given.packets;
        Object.assign(ntp, { ...ofNtp, servers: servers.slice(0, given.timeServers), enabled: given.enabled[2] });
      });
      assert.ok(lookups(settings, given.endpoints) <= 1000);
      assert.ok((lookups(settings, given.endpoints) * 1000) / settings.dns.intervalMs <= 100);
      // A packet in an hour more is the price of integers.
      assert.ok(perSecond(settings, given.endpoints) <= 1000 + 3 / 3600);
      const isWithin =
        lookups(asked, given.endpoints) <= Math.min(1000, asked.dns.intervalMs / 10) &&
        perSecond(asked, given.endpoints) <= 1000;
      if (isWithin) assert.deepEqual([settings, exceeded], [asked, []]);
    }),
  );
});
