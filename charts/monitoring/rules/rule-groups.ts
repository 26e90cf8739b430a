import { clockAlerts } from './clock-alerts.ts';
import { dnsAlerts } from './dns-alerts.ts';
import { fallbackAlerts } from './fallback-alerts.ts';
import { monitorAlerts } from './monitor-alerts.ts';
import { networkAlerts } from './network-alerts.ts';
import { dnsBudgetRecordings, dnsRecordings, networkRecordings } from './recording-rules.ts';
import type { RuleGroup } from './rule.ts';
import type { RuleScope } from './scope.ts';
import { suspectRules } from './suspect-alerts.ts';

/** Every recording rule and every alert about the NetExporters of a scope. Rules that need others come after them. */
export function ruleGroups(scope: RuleScope): RuleGroup[] {
  return [
    {
      name: 'net-exporter-network',
      rules: [...networkRecordings(scope), ...networkAlerts(scope)],
    },
    {
      name: 'net-exporter-dns',
      rules: [...dnsRecordings(scope), ...dnsBudgetRecordings(scope), ...dnsAlerts(scope)],
    },
    { name: 'net-exporter-suspects', rules: [...suspectRules(scope), ...fallbackAlerts(scope)] },
    { name: 'net-exporter-monitor', rules: [...clockAlerts(scope), ...monitorAlerts(scope)] },
  ];
}
