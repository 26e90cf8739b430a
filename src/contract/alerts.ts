import { docsUrl } from './project-links.ts';
import type { SuspectKind } from './suspects.ts';

/**
 * How soon somebody has to act.
 * - `critical`: now, most of the cluster is affected
 * - `warning`: today
 * - `info`: nothing by itself, but it explains others
 */
export type AlertSeverity = 'critical' | 'warning' | 'info';

/**
 * Every alert with its severity. An alert has one severity, so that an Alertmanager that inhibits a warning by a
 * critical alert of the same name hides nothing else.
 */
export const alerts = {
  NetExporterDNSFailing: 'critical',
  NetExporterDNSErrorBudget: 'warning',
  NetExporterDNSSlow: 'warning',
  NetExporterDNSServerFailing: 'warning',
  NetExporterNetworkFailing: 'critical',
  NetExporterNodeCutOff: 'warning',
  NetExporterPacketLoss: 'warning',
  NetExporterRetransmits: 'warning',
  NetExporterZonePairSlow: 'warning',
  NetExporterSuspectNode: 'warning',
  NetExporterSuspectLink: 'warning',
  NetExporterSuspectServicePath: 'warning',
  NetExporterSuspectZonePair: 'warning',
  NetExporterSuspectZone: 'warning',
  NetExporterSuspectDNSServer: 'warning',
  NetExporterSuspectHost: 'info',
  NetExporterClockOffset: 'warning',
  NetExporterAgentsMissing: 'warning',
  NetExporterAgentsNotConfigured: 'warning',
  NetExporterAgentsOutdated: 'warning',
  NetExporterStalled: 'warning',
  NetExporterOperatorDown: 'warning',
  NetExporterNotJudging: 'warning',
} as const satisfies Record<`NetExporter${string}`, AlertSeverity>;

export type AlertName = keyof typeof alerts;

export const alertNames = Object.keys(alerts) as AlertName[];

/** The alert about suspects of each kind. */
export const suspectAlerts = {
  Node: 'NetExporterSuspectNode',
  Link: 'NetExporterSuspectLink',
  ServicePath: 'NetExporterSuspectServicePath',
  ZonePair: 'NetExporterSuspectZonePair',
  Zone: 'NetExporterSuspectZone',
  DNSServer: 'NetExporterSuspectDNSServer',
  Host: 'NetExporterSuspectHost',
} as const satisfies Record<SuspectKind, AlertName>;

/** Page of the runbooks, below docs/. */
export const runbookPage = 'runbooks.md';

/** The link to what to do about an alert: its name is a heading of the page. */
export function runbookUrl(alert: AlertName): string {
  return docsUrl(runbookPage, alert.toLowerCase());
}
