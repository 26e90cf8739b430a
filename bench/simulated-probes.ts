import type { Assignment } from '../src/protocol/assignment.ts';
import { sketchIndex } from '../src/protocol/latency-sketch.ts';
import type { TargetReport } from '../src/protocol/report.ts';
import type { Settings } from '../src/protocol/settings.ts';

/**
 * The nameserver of every simulated agent's resolv.conf, and the name that is looked up where the settings have none.
 */
const nameserver = '10.96.0.10:53';
const defaultHost = 'kubernetes.default.svc.cluster.local.';

/**
 * What probes would have found out by these settings and this assignment: every target at its own offset in the
 * interval, all of them successful, with latencies around 100 µs, except lookups of a name that does not exist.
 * @param from where the time begins, in milliseconds, and `to`, where it ends
 * @param random from 0 to 1
 * @param deadHost the name that does not exist
 */
export function simulatedProbes(
  settings: Settings,
  assignment: Assignment | undefined,
  [from, to]: readonly [from: number, to: number],
  random: () => number,
  deadHost?: string,
): TargetReport[] {
  return [...dnsTargets(settings, assignment), ...networkTargets(settings, assignment)]
    .map(({ target, intervalMs }, index): TargetReport => {
      const offset = (index * 619) % intervalMs;
      const attempts = Math.floor((to + offset) / intervalMs) - Math.floor((from + offset) / intervalMs);
      return { ...target, ...(target.host === deadHost ? failures(attempts) : outcomes(attempts, random)) };
    })
    .filter(({ attempts }) => attempts > 0);
}

type Subject = Pick<TargetReport, 'probe' | 'host' | 'server' | 'protocol' | 'type' | 'node' | 'zone'>;

interface Turned {
  target: Subject;
  intervalMs: number;
}

function dnsTargets({ dns }: Settings, assignment: Assignment | undefined): Turned[] {
  const hosts = dns.hosts.length > 0 ? dns.hosts : [defaultHost];
  const servers = [nameserver, ...dns.servers, ...(assignment?.dnsServers ?? [])];
  return servers.flatMap((server) =>
    dns.protocols.flatMap((protocol) =>
      dns.recordTypes.flatMap((type) =>
        hosts.map((host) => ({
          target: { probe: 'dns' as const, host, server, protocol, type, node: '', zone: '' },
          intervalMs: dns.intervalMs,
        })),
      ),
    ),
  );
}

function networkTargets({ network }: Settings, assignment: Assignment | undefined): Turned[] {
  const peers = (assignment?.peers ?? []).flatMap((peer) =>
    network.protocols.map((protocol) => ({ host: peer.address, protocol, node: peer.node, zone: peer.zone })),
  );
  const services = network.services.map((host) => ({ host, protocol: 'TCP', node: '', zone: '' }));
  return [...peers, ...services].map((target) => ({
    target: { probe: 'network' as const, server: '', type: '', ...target },
    intervalMs: network.intervalMs,
  }));
}

function outcomes(attempts: number, random: () => number): Omit<TargetReport, keyof Subject> {
  const counts = new Map<number, number>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const index = sketchIndex(50e-6 * (1 + 3 * random()));
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return { attempts, failures: {}, retransmits: 0, latencies: [...counts].sort(([a], [b]) => a - b) };
}

function failures(attempts: number): Omit<TargetReport, keyof Subject> {
  return { attempts, failures: attempts > 0 ? { nxdomain: attempts } : {}, retransmits: 0, latencies: [] };
}
