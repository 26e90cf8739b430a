import type { Random } from './random.ts';

/** Where a changing NetExporter may point its agents. */
export interface Surroundings {
  /** DNS servers that answer. */
  servers: readonly string[];
  /** Addresses where nobody answers questions: some refuse, some are not there. */
  deafServers: readonly string[];
}

/** What the agents come back to between changes: the same targets each time, so that what they hold can be compared. */
export const restingSpec = { dns: { interval: '1s', timeout: '1s' }, network: { interval: '1s', timeout: '1s' } };

const hosts = [
  'kubernetes.default.svc.cluster.local.',
  'kube-dns.kube-system.svc.cluster.local.',
  'kubernetes.default',
  'example.com.',
  'example.com',
  'no-such-name.cluster.local.',
  'no-such-name',
  'no-such-name.example.',
];

const times = [
  { interval: '1s', timeout: '1s' },
  { interval: '1s', timeout: '100ms' },
  { interval: '2s', timeout: '1500ms' },
  { interval: '5s', timeout: '1s' },
  { interval: '10s', timeout: '5s' },
];

/**
 * A spec of chance: collectors on and off, other hosts, servers, protocols, record types, intervals and numbers of
 * peers.
 */
export function randomSpec(random: Random, { servers, deafServers }: Surroundings): object {
  const some = <T>(all: readonly T[]) => random.sample(all, random.integer(1, all.length));
  return {
    dns: {
      enabled: random.chance(0.85),
      hosts: random.sample(hosts, random.integer(0, 4)),
      protocols: some(['UDP', 'TCP']),
      recordTypes: some(['A', 'AAAA']),
      servers: [
        ...random.sample(servers, random.integer(0, 2)),
        ...random.sample(deafServers, random.chance(0.3) ? 1 : 0),
      ],
      ...random.pick(times),
    },
    network: {
      enabled: random.chance(0.85),
      peersPerAgent: random.pick([0, 1, 2, 5, 10, 20]),
      service: random.chance(0.8),
      protocols: some(['TCP', 'UDP']),
      udp: { packets: random.integer(1, 5), size: random.pick([64, 512, 1232]) },
      ...random.pick(times),
    },
    // Nobody on these addresses knows the time: what is asked for is that the asking and the failing leave nothing
    // behind.
    ntp: {
      enabled: random.chance(0.5),
      servers: random.sample(deafServers, random.integer(1, 2)),
      ...random.pick(times),
    },
  };
}
