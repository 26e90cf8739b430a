import type { DnsSettings, NetworkSettings, NtpSettings, Settings } from '../../../src/protocol/settings.ts';

/** What a test says about settings; the rest is what `spec: {}` gives. */
export interface SettingsChanges {
  resource?: Partial<Settings['resource']>;
  dns?: Partial<DnsSettings>;
  network?: Partial<NetworkSettings>;
  ntp?: Partial<NtpSettings>;
}

/** The settings of a NetExporter with an empty spec, with changes. */
export function settingsWith({ resource, dns, network, ntp }: SettingsChanges = {}): Settings {
  return {
    version: 1,
    resource: { namespace: 'monitoring', name: 'default', uid: 'uid-1', generation: 1, ...resource },
    dns: {
      enabled: true,
      hosts: [],
      protocols: ['UDP', 'TCP'],
      recordTypes: ['A'],
      servers: [],
      intervalMs: 10_000,
      timeoutMs: 5000,
      ...dns,
    },
    network: {
      enabled: true,
      peersPerAgent: 10,
      peerService: 'default-agent-peers.monitoring.svc',
      peerPort: 8000,
      protocols: ['TCP'],
      udp: { packets: 3, size: 64 },
      services: ['10.96.0.20:8000'],
      intervalMs: 10_000,
      timeoutMs: 5000,
      ...network,
    },
    ntp: { enabled: false, servers: [], intervalMs: 60_000, timeoutMs: 5000, ...ntp },
  };
}
