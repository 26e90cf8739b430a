import { settingsMetrics } from '../../src/contract/metrics/agent-metrics.ts';
import { judgementMetrics } from '../../src/contract/metrics/judgement-metrics.ts';
import { recordedMetrics } from '../../src/contract/metrics/recorded-metrics.ts';
import { resourceMetrics } from '../../src/contract/metrics/resource-metrics.ts';
import type { StatusSuspect } from '../judge/outcomes.ts';

const agent = settingsMetrics.info.name;

/**
 * Joins the verdict about a NetExporter with the agents' series: its number of ready agents with the agents that
 * Prometheus scrapes. Returns one series if they are the same.
 */
export function agentsJoin(of: string): string {
  const ready = `${resourceMetrics.agents.name}{${of},state="ready"}`;
  return `${ready} == on (namespace, netexporter) count by (namespace, netexporter) (${agent}{${of}})`;
}

/**
 * Joins a suspect one to one with the series of the agents of its nodes, or of its DNS server. Returns one series for
 * each of them.
 */
export function suspectJoins(of: string, { kind, name }: Pick<StatusSuspect, 'kind' | 'name'>): string[] {
  const suspect = `${judgementMetrics.suspect.name}{${of},kind="${kind}",name="${name}"}`;
  const join = (label: string, value: string, series: string) =>
    `label_replace(${suspect}, "${label}", "${value}", "", "") * on (namespace, netexporter, ${label}) ${series}`;
  if (kind === 'DNSServer') return [join('server', name, `(${recordedMetrics.dnsSuccessByServer}{${of}} >= bool 0)`)];
  return name.split(/<?>/).map((node) => join('agent_node', node, `${agent}{${of}}`));
}
