import { parseDuration } from '../../base/durations.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { apiServerName, type Settings } from '../../protocol/settings.ts';
import { holdMs } from '../../protocol/sync.ts';
import type { Link } from '../reports/link-table.ts';
import type { JudgeOptions } from './fleet-facts.ts';

/**
 * What the judge uses of a spec.
 * @param settings what agents are to use, whose intervals may be longer than those of the spec
 * @throws RangeError for an invalid duration, which the rules of the CRD reject
 */
export function judgeOptionsOf({ health }: NetExporter['spec'], { dns, network }: Settings): JudgeOptions {
  const seconds = (duration: string) => parseDuration(duration) / 1000;
  return {
    windowMs: parseDuration(health.window),
    networkIntervalMs: network.enabled ? network.intervalMs : dns.intervalMs,
    dnsIntervalMs: dns.enabled ? dns.intervalMs : network.intervalMs,
    networkLatency: seconds(health.latency.network),
    dnsLatency: seconds(health.latency.dns),
    failureRatio: Number(health.failureRatio),
    udpPackets: network.udp.packets,
    holdMs,
  };
}

/** Whether agents with these settings probe a link, as far as settings say; others are of an earlier spec. */
export function isProbed({ dns, network }: Settings, { probe, protocol, host, type, node }: Link): boolean {
  if (probe === 'network')
    return network.enabled && (node === '' || (network.protocols as string[]).includes(protocol));
  // Without names, agents look up the API server's in the domain of their cluster.
  const isNamed = dns.hosts.length === 0 ? host.startsWith(`${apiServerName}.`) : dns.hosts.includes(host);
  const [protocols, types]: string[][] = [dns.protocols, dns.recordTypes];
  return probe === 'dns' && dns.enabled && isNamed && protocols!.includes(protocol) && types!.includes(type);
}
