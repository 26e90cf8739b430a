import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterAddresses, settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { encodeSettings, parseSettings } from '../../../../src/protocol/settings.ts';
import { netExporter } from '../net-exporter-builder.ts';

test('the defaults become settings that the agent takes', () => {
  const settings = settingsOf(netExporter(), ['10.96.0.7', 'fd00::7']);
  assert.deepEqual(settings, {
    version: 1,
    resource: { namespace: 'monitoring', name: 'default', uid: 'a0000000-0000-4000-8000-000000000001', generation: 3 },
    dns: {
      enabled: true,
      hosts: [],
      protocols: ['UDP', 'TCP'],
      recordTypes: ['A'],
      servers: [],
      intervalMs: 10_000,
      timeoutMs: 5000,
    },
    network: {
      enabled: true,
      peersPerAgent: 10,
      peerService: 'default-agent-peers.monitoring.svc',
      peerPort: 8000,
      protocols: ['TCP'],
      udp: { packets: 3, size: 64 },
      services: ['10.96.0.7:8000', '[fd00::7]:8000'],
      intervalMs: 10_000,
      timeoutMs: 5000,
    },
    ntp: { enabled: false, servers: [], intervalMs: 60_000, timeoutMs: 5000 },
  });
  assert.deepEqual(parseSettings(encodeSettings(settings)), settings);
});

test('a server without a port gets that of DNS', () => {
  const { dns } = settingsOf(
    netExporter((spec) => {
      spec.dns.servers = ['10.0.0.1', '10.0.0.1:5353', 'fd00::1', '[fd00::1]:5353'];
    }),
    [],
  );
  assert.deepEqual(dns.servers, ['10.0.0.1:53', '10.0.0.1:5353', '[fd00::1]:53', '[fd00::1]:5353']);
});

test('without spec.network.service no Service is dialled', () => {
  const resource = netExporter((spec) => {
    spec.network.service = false;
  });
  assert.deepEqual(settingsOf(resource, ['10.96.0.7']).network.services, []);
});

test('the protocols and the echo are passed on', () => {
  const { network } = settingsOf(
    netExporter((spec) => {
      spec.network.protocols = ['TCP', 'UDP'];
      spec.network.udp = { packets: 5, size: 1400 };
    }),
    [],
  );
  assert.deepEqual([network.protocols, network.udp], [['TCP', 'UDP'], { packets: 5, size: 1400 }]);
});

test('peers and Service are dialled on the agents’ port', () => {
  const { network } = settingsOf(
    netExporter((spec) => {
      spec.agent.port = 9100;
    }),
    ['10.96.0.7'],
  );
  assert.deepEqual([network.peerPort, network.services], [9100, ['10.96.0.7:9100']]);
});

test('a headless Service and one that is not there have no addresses', () => {
  assert.deepEqual(clusterAddresses({ spec: { clusterIPs: ['None'] } }), []);
  assert.deepEqual(clusterAddresses({ spec: {} }), []);
  assert.deepEqual(clusterAddresses(undefined), []);
  assert.deepEqual(clusterAddresses({ spec: { clusterIPs: ['10.96.0.7', 'fd00::7'] } }), ['10.96.0.7', 'fd00::7']);
});

test('a time server without a port gets that of NTP, whether it is a name or an address', () => {
  const { ntp } = settingsOf(
    netExporter((spec) => {
      spec.ntp.enabled = true;
      spec.ntp.servers = ['ntp.example.com', 'ntp.example.com.:1123', '10.0.0.1', 'fd00::1', '[fd00::1]:1123'];
    }),
    [],
  );
  assert.equal(ntp.enabled, true);
  assert.deepEqual(ntp.servers, [
    'ntp.example.com:123',
    'ntp.example.com.:1123',
    '10.0.0.1:123',
    '[fd00::1]:123',
    '[fd00::1]:1123',
  ]);
});

test('names that differ only in case are one name', () => {
  const { dns, ntp } = settingsOf(
    netExporter((spec) => {
      spec.dns.hosts = ['EXAMPLE.com.', 'example.org.', 'example.com.', 'example.com'];
      spec.ntp.servers = ['time.local', 'TIME.local', 'time.local:124'];
    }),
    [],
  );
  assert.deepEqual(dns.hosts, ['EXAMPLE.com.', 'example.org.', 'example.com']);
  assert.deepEqual(ntp.servers, ['time.local:123', 'time.local:124']);
});
