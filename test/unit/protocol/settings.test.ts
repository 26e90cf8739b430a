import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtocolError } from '../../../src/protocol/document.ts';
import { encodeSettings, parseSettings, type Settings } from '../../../src/protocol/settings.ts';

const settings: Settings = {
  version: 1,
  resource: { namespace: 'monitoring', name: 'default', uid: '0d6f', generation: 3 },
  dns: {
    enabled: true,
    hosts: ['example.com.'],
    protocols: ['UDP', 'TCP'],
    recordTypes: ['A'],
    servers: ['10.96.0.10:53', '[fd00::a]:53'],
    intervalMs: 10_000,
    timeoutMs: 5000,
  },
  network: {
    enabled: true,
    peersPerAgent: 10,
    peerService: 'default-agent-peers.monitoring.svc',
    peerPort: 8000,
    protocols: ['TCP', 'UDP'],
    udp: { packets: 5, size: 1400 },
    services: ['10.96.4.2:8000'],
    intervalMs: 10_000,
    timeoutMs: 10_000,
  },
  ntp: {
    enabled: true,
    servers: ['ntp.example.com:123', '10.0.0.123:123', '[fd00::123]:1123'],
    intervalMs: 64_000,
    timeoutMs: 2000,
  },
};

/** The settings with one field replaced, as a reader would get them from a file. */
function changed(path: string, value: unknown): string {
  const copy = structuredClone(settings) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  let parent = copy;
  for (const key of keys) parent = parent[key] as Record<string, unknown>;
  parent[last] = value;
  return JSON.stringify(copy);
}

test('settings survive being written and read', () => {
  assert.deepEqual(parseSettings(encodeSettings(settings)), settings);
});

test('equal settings are equal text, whatever the order of their keys', () => {
  const reordered = Object.fromEntries(Object.entries(settings).reverse()) as unknown as Settings;
  assert.equal(encodeSettings(reordered), encodeSettings(settings));
});

test('fields of a newer writer are ignored', () => {
  assert.deepEqual(parseSettings(changed('dns.newField', { a: 1 })), settings);
});

test('a document of an older writer has no echo: TCP only', () => {
  const { protocols, udp, ...older } = settings.network;
  assert.deepEqual([protocols, udp.size], [['TCP', 'UDP'], 1400]);
  const { network } = parseSettings(JSON.stringify({ ...settings, network: older }));
  assert.deepEqual(network, { ...older, protocols: ['TCP'], udp: { packets: 3, size: 64 } });
});

test('a document of an older writer has no time servers', () => {
  const { ntp, ...older } = settings;
  assert.equal(ntp.enabled, true);
  assert.deepEqual(parseSettings(JSON.stringify(older)), {
    ...older,
    ntp: { enabled: false, servers: [], intervalMs: 60_000, timeoutMs: 5000 },
  });
});

test('a document that cannot be used is refused by the name of its field', () => {
  for (const [path, value, message] of [
    ['version', 2, /version must be 1/],
    ['resource.uid', '', /resource\.uid/],
    ['resource.generation', 0, /resource\.generation/],
    ['dns', null, /dns must be an object/],
    ['dns.enabled', 'yes', /dns\.enabled must be true or false/],
    ['dns.hosts', Array(65).fill('a.'), /dns\.hosts must be a list of at most 64/],
    ['dns.hosts', [''], /dns\.hosts\[0\]/],
    ['dns.protocols', ['udp'], /dns\.protocols\[0\] must be one of UDP, TCP/],
    ['dns.recordTypes', ['MX'], /dns\.recordTypes\[0\]/],
    ['dns.servers', ['dns.example:53'], /dns\.servers\[0\] must be ip:port/],
    ['dns.intervalMs', 1.5, /dns\.intervalMs/],
    ['dns.timeoutMs', 10_001, /dns\.timeoutMs must be a whole number from 1 to 10000/],
    ['network.peersPerAgent', -1, /network\.peersPerAgent/],
    ['network.peerPort', 65_536, /network\.peerPort/],
    ['network.protocols', ['SCTP'], /network\.protocols\[0\] must be one of TCP, UDP/],
    ['network.protocols', 'UDP', /network\.protocols must be a list of at most 2 items/],
    ['network.udp', [], /network\.udp must be an object/],
    ['network.udp.packets', 0, /network\.udp\.packets must be a whole number from 1 to 10/],
    ['network.udp.size', 31, /network\.udp\.size must be a whole number from 32 to 1472/],
    ['network.services', ['10.0.0.1'], /network\.services\[0\]/],
    ['ntp', [], /ntp must be an object/],
    ['ntp.enabled', 1, /ntp\.enabled must be true or false/],
    ['ntp.servers', Array(9).fill('10.0.0.1:123'), /ntp\.servers must be a list of at most 8/],
    ['ntp.servers', ['ntp.example.com'], /ntp\.servers\[0\] must be ip:port or name:port/],
    ['ntp.servers', ['10.0.0.1:0'], /ntp\.servers\[0\]/],
    ['ntp.timeoutMs', 64_001, /ntp\.timeoutMs must be a whole number from 1 to 64000/],
  ] as const)
    assert.throws(
      () => parseSettings(changed(path, value)),
      (error) => error instanceof ProtocolError && error.code === 'InvalidSettings' && message.test(error.message),
      path,
    );
});

test('text that is not JSON, or larger than a ConfigMap, is refused', () => {
  assert.throws(() => parseSettings('{"version": 1,'), /not valid JSON/);
  assert.throws(() => parseSettings(' '.repeat(1_048_577)), /larger than/);
  assert.throws(() => parseSettings('[]'), /must be an object/);
});
