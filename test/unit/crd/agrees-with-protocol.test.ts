import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../../../src/base/durations.ts';
import { formatHostPort, parseHostPort } from '../../../src/base/host-port.ts';
import { defaultSpec, NetExporterSpecSchema } from '../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { type Assignment, decodeAssignment } from '../../../src/protocol/assignment.ts';
import { ProtocolError } from '../../../src/protocol/document.ts';
import { encodeSettings, parseSettings, type Settings, settingsVersion } from '../../../src/protocol/settings.ts';
import { schemaFields } from './schema-fields.ts';

const nodes = new Map(
  schemaFields(NetExporterSpecSchema as unknown as SchemaNode).map(({ path, node }) => [path, node]),
);
const node = (path: string): SchemaNode => nodes.get(path) ?? assert.fail(`the contract has no ${path}`);

const spec = defaultSpec();
const settings: Settings = {
  version: settingsVersion,
  resource: { namespace: 'monitoring', name: 'default', uid: 'u', generation: 1 },
  dns: {
    enabled: spec.dns.enabled,
    hosts: spec.dns.hosts,
    protocols: spec.dns.protocols,
    recordTypes: spec.dns.recordTypes,
    servers: spec.dns.servers,
    intervalMs: parseDuration(spec.dns.interval),
    timeoutMs: parseDuration(spec.dns.timeout),
  },
  network: {
    enabled: spec.network.enabled,
    peersPerAgent: spec.network.peersPerAgent,
    peerService: 'default-agent-peers.monitoring.svc',
    peerPort: spec.agent.port,
    protocols: spec.network.protocols,
    udp: spec.network.udp,
    services: [],
    intervalMs: parseDuration(spec.network.interval),
    timeoutMs: parseDuration(spec.network.timeout),
  },
  ntp: {
    enabled: spec.ntp.enabled,
    servers: spec.ntp.servers,
    intervalMs: parseDuration(spec.ntp.interval),
    timeoutMs: parseDuration(spec.ntp.timeout),
  },
};

const withDns = (dns: Partial<Settings['dns']>): Settings => ({ ...settings, dns: { ...settings.dns, ...dns } });
const withNetwork = (network: Partial<Settings['network']>): Settings => ({
  ...settings,
  network: { ...settings.network, ...network },
});
const withPeers = (peersPerAgent: number): Settings => withNetwork({ peersPerAgent });
const withNtp = (servers: string[]): Settings => ({ ...settings, ntp: { ...settings.ntp, enabled: true, servers } });
const accepts = (given: Settings) => assert.deepEqual(parseSettings(encodeSettings(given)), given);
const refuses = (given: Settings) => assert.throws(() => encodeSettings(given), ProtocolError);

test('the default spec makes settings that agents take', () => accepts(settings));

test('agents take as many hosts as the contract, of the same length, and no more', () => {
  const { maxItems, items } = node('dns.hosts');
  const hosts = (count: number, length: number) => Array.from({ length: count }, () => 'a'.repeat(length));
  accepts(withDns({ hosts: hosts(maxItems!, items!.maxLength!) }));
  refuses(withDns({ hosts: hosts(maxItems! + 1, 1) }));
  refuses(withDns({ hosts: hosts(1, items!.maxLength! + 1) }));
});

test('agents take as many servers as the contract, and no more', () => {
  const { maxItems, items } = node('dns.servers');
  const servers = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}:53`);
  accepts(withDns({ servers: servers(maxItems!) }));
  refuses(withDns({ servers: servers(maxItems! + 1) }));
  const longest = formatHostPort('2001:0db8:1111:2222:3333:4444:5555:6666', 65_535);
  assert.ok(parseHostPort(longest) && longest.length <= items!.maxLength!);
  accepts(withDns({ servers: [longest] }));
});

test('agents take as many peers as the contract, and no more', () => {
  const { minimum, maximum } = node('network.peersPerAgent');
  accepts(withPeers(minimum!));
  accepts(withPeers(maximum!));
  refuses(withPeers(minimum! - 1));
  refuses(withPeers(maximum! + 1));
});

test('an assignment has room for the most peers and DNS pods of the contract, with two links between zones besides', () => {
  const assignment = (peers: number, dnsServers: number): Assignment => ({
    ...{ version: 1, uid: 'u', epoch: 0, revision: 1, zone: '' },
    peers: Array.from({ length: peers }, (_, index) => ({ address: `10.0.0.${index}:8000`, node: 'n', zone: '' })),
    dnsServers: Array.from({ length: dnsServers }, (_, index) => `10.0.1.${index}:53`),
  });
  const [, mostPods] = /self <= (\d+)$/.exec(node('dns.endpointsPerAgent')['x-kubernetes-validations']![0]!.rule)!;
  const full = assignment(node('network.peersPerAgent').maximum! + 2, Number(mostPods));
  assert.deepEqual(decodeAssignment(full), full);
});

test('agents know every protocol and record type of the contract', () => {
  accepts(withDns({ protocols: node('dns.protocols').items!.enum as Settings['dns']['protocols'] }));
  accepts(withDns({ recordTypes: node('dns.recordTypes').items!.enum as Settings['dns']['recordTypes'] }));
});

test('agents know every protocol of the network probes, and take echoes of the same counts and sizes as the contract', () => {
  accepts(withNetwork({ protocols: node('network.protocols').items!.enum as Settings['network']['protocols'] }));
  const { packets, size } = spec.network.udp;
  for (const [field, otherwise] of [
    ['packets', { size }],
    ['size', { packets }],
  ] as const) {
    const [, minimum, maximum] = /^self >= (\d+) && self <= (\d+)$/.exec(
      node(`network.udp.${field}`)['x-kubernetes-validations']![0]!.rule,
    )!;
    const withEcho = (value: number) =>
      withNetwork({ udp: { ...otherwise, [field]: value } as Settings['network']['udp'] });
    accepts(withEcho(Number(minimum)));
    accepts(withEcho(Number(maximum)));
    refuses(withEcho(Number(minimum) - 1));
    refuses(withEcho(Number(maximum) + 1));
  }
});

test('a document of a writer that knows of no echo means what the contract’s defaults say', () => {
  const { protocols, udp, ...older } = settings.network;
  assert.deepEqual(parseSettings(JSON.stringify({ ...settings, network: older })).network, {
    ...older,
    protocols,
    udp,
  });
});

test('agents take as many time servers as the contract, of the same length, and no more', () => {
  const { maxItems, items } = node('ntp.servers');
  const servers = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}:123`);
  accepts(withNtp(servers(maxItems!)));
  refuses(withNtp(servers(maxItems! + 1)));
  const longest = `${'a.'.repeat(127)}:65535`;
  assert.equal(longest.length, items!.maxLength!);
  accepts(withNtp([longest]));
});

test('an agent that is told nothing of time servers does as the defaults say', () => {
  const { ntp, ...older } = settings;
  assert.deepEqual(parseSettings(JSON.stringify(older)).ntp, ntp);
});
