import { probeLimits } from '../../base/probe-limits.ts';
import type { Settings } from '../../protocol/settings.ts';

const { maxLookups, maxLookupsPerSecond, maxPacketsPerSecond } = probeLimits;

const hourMs = 3_600_000;

/** Settings that keep the limits of what one agent probes, and what was left out for that. */
export interface LimitedSettings {
  settings: Settings;
  /** A full sentence for each limit that the spec exceeds: what agents do instead, and what to do. */
  exceeded: string[];
}

/**
 * Limits what agents probe. The CRD rejects a spec that exceeds the limits, but older CRDs accepted it. Names are left
 * out for the number of series; intervals become longer for the rates, so that everything else is still probed.
 * @param endpointsPerAgent DNS pods that each agent queries in addition to the servers of the settings
 */
export function withinLimits(settings: Settings, endpointsPerAgent: number): LimitedSettings {
  const exceeded: string[] = [];
  const dns = limitedDns(settings.dns, endpointsPerAgent, exceeded);
  const network = limitedNetwork({ ...settings, dns }, endpointsPerAgent, exceeded);
  return { settings: { ...settings, dns, network }, exceeded };
}

function limitedDns(dns: Settings['dns'], endpointsPerAgent: number, exceeded: string[]): Settings['dns'] {
  if (!dns.enabled) return dns;
  let limited = dns;
  const most = Math.floor(maxLookups / lookupsOf({ ...dns, hosts: [] }, endpointsPerAgent));
  if (dns.hosts.length > most) {
    limited = { ...limited, hosts: dns.hosts.slice(0, most) };
    exceeded.push(
      `Agents look up only the first ${most} of ${dns.hosts.length} names in spec.dns.hosts, because the spec requests more than ${maxLookups} lookups per agent. Remove names, servers, protocols or record types, or reduce spec.dns.endpointsPerAgent.`,
    );
  }
  const shortestMs = Math.ceil((lookupsOf(limited, endpointsPerAgent) * 1000) / maxLookupsPerSecond);
  if (limited.intervalMs < shortestMs) {
    exceeded.push(
      `Agents look up each name every ${shortestMs}ms, because spec.dns.interval requests more than ${maxLookupsPerSecond} lookups per second and agent. Set a longer interval.`,
    );
    limited = { ...limited, intervalMs: shortestMs };
  }
  return limited;
}

/** Probes of the network have the budget that lookups and time servers, which are few enough, leave. */
function limitedNetwork(
  { dns, network, ntp }: Settings,
  endpointsPerAgent: number,
  exceeded: string[],
): Settings['network'] {
  if (!network.enabled) return network;
  const perPeer = network.protocols.map((protocol) => (protocol === 'UDP' ? network.udp.packets : 1));
  const packets = network.peersPerAgent * perPeer.reduce((sum, count) => sum + count, 0) + network.services.length;
  const left =
    maxPacketsPerSecond * 3600 -
    (dns.enabled ? perHour(lookupsOf(dns, endpointsPerAgent), dns.intervalMs) : 0) -
    (ntp.enabled ? perHour(ntp.servers.length, ntp.intervalMs) : 0);
  if (perHour(packets, network.intervalMs) <= left) return network;
  const shortestMs = Math.ceil((packets * hourMs) / left);
  exceeded.push(
    `Agents probe each peer every ${shortestMs}ms, because the spec requests more than ${maxPacketsPerSecond} packets per second and agent. Set a longer spec.network.interval, or reduce peersPerAgent or udp.packets.`,
  );
  return { ...network, intervalMs: shortestMs };
}

/** As the rule of the CRD computes it: integers, so that exactly the limit is within the limit. */
function perHour(packets: number, intervalMs: number): number {
  return Math.floor((packets * hourMs) / intervalMs);
}

/** Number of lookups of an agent in each interval. `1 +` is the nameserver in resolv.conf. */
function lookupsOf({ hosts, servers, protocols, recordTypes }: Settings['dns'], endpointsPerAgent: number): number {
  return Math.max(hosts.length, 1) * (1 + servers.length + endpointsPerAgent) * protocols.length * recordTypes.length;
}
