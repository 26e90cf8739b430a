import type { DnsTarget, NetworkTarget, NtpTarget, Target } from '../../../src/agent/plan/targets.ts';

/** A peer to dial at this address, port 8000. */
export function networkTarget(ip: string): NetworkTarget {
  const host = `${ip}:8000`;
  return {
    probe: 'network',
    key: `network ${host}`,
    labels: { host, protocol: 'TCP', peer_node: '', peer_zone: '' },
    subject: { protocol: 'TCP', host: ip, port: 8000 },
    intervalMs: 10_000,
    timeoutMs: 5000,
  };
}

/** A peer to send echoes to at this address, port 8000. */
export function echoTarget(ip: string): NetworkTarget {
  const host = `${ip}:8000`;
  return {
    probe: 'network',
    key: `echo ${host}`,
    labels: { host, protocol: 'UDP', peer_node: '', peer_zone: '' },
    subject: { protocol: 'UDP', host: ip, port: 8000, packets: 3, size: 64 },
    intervalMs: 10_000,
    timeoutMs: 5000,
  };
}

/** A lookup of this name at 10.96.0.10 over UDP. */
export function dnsTarget(name: string): DnsTarget {
  return {
    probe: 'dns',
    key: `dns ${name}`,
    labels: { host: name, server: '10.96.0.10:53', protocol: 'UDP', type: 'A' },
    subject: {
      name,
      server: { host: '10.96.0.10', port: 53 },
      protocol: 'UDP',
      type: 'A',
      resolver: { search: [], ndots: 5 },
    },
    intervalMs: 10_000,
    timeoutMs: 5000,
  };
}

/** A time server at this address, port 123. */
export function ntpTarget(host: string): NtpTarget {
  const server = `${host}:123`;
  return {
    probe: 'ntp',
    key: `ntp ${server}`,
    labels: { server },
    subject: { host, port: 123, resolver: { search: [], ndots: 5 } },
    intervalMs: 60_000,
    timeoutMs: 5000,
  };
}

/** What a target is about: the label that tells it from others of its kind. */
export function subjectOf({ labels }: Target): string {
  return 'host' in labels ? labels.host : labels.server;
}
