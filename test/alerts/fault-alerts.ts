import type { AlertName } from '../../src/contract/alerts.ts';

/** What alerts a fault makes. Alerts about suspects are only about the suspect that the fault is to make. */
export interface FaultAlerts {
  must: readonly AlertName[];
  /** Besides. */
  may: readonly AlertName[];
}

/** Lookups of many agents fail where a DNS server cannot be reached. */
const dns = ['NetExporterDNSFailing', 'NetExporterDNSErrorBudget'] as const;
/** They need ten minutes, for which the fault has to last. */
const loss = ['NetExporterPacketLoss', 'NetExporterRetransmits'] as const;

/** By the name of the fault. Where a node may have a DNS server, that is a victim, too. */
export const faultAlerts: Readonly<Record<string, FaultAlerts>> = {
  node_deaf: { must: ['NetExporterSuspectNode'], may: dns },
  node_mute: { must: ['NetExporterSuspectNode'], may: dns },
  node_cut_off: { must: ['NetExporterSuspectNode'], may: dns },
  node_loss_30: { must: ['NetExporterSuspectNode'], may: [...dns, ...loss] },
  link_cut: { must: ['NetExporterSuspectLink'], may: dns },
  zone_pair_cut: { must: ['NetExporterSuspectZonePair'], may: dns },
  zone_pair_30: { must: ['NetExporterSuspectZonePair'], may: [...dns, ...loss] },
  service_path_agents: { must: ['NetExporterSuspectServicePath'], may: [] },
  service_path_all: { must: ['NetExporterSuspectServicePath'], may: [] },
  // The kubelet ends a frozen server within a minute, and the alert waits for a minute.
  dns_frozen: { must: [], may: ['NetExporterSuspectDNSServer', ...dns] },
  dns_dropped: { must: ['NetExporterSuspectDNSServer'], may: dns },
  dns_servfail: { must: ['NetExporterSuspectDNSServer'], may: dns },
  dns_slow: { must: ['NetExporterSuspectDNSServer'], may: ['NetExporterDNSSlow'] },
  host_absent: { must: ['NetExporterSuspectHost'], may: dns },
};
