import { agentMetricGroups, agentMetrics, operatorMetricGroups, operatorMetrics } from './declared-metrics.ts';
import { maxFleetSeries } from './judgement-metrics.ts';
import type { LabelDeclaration, MetricDeclaration, MetricGroup } from './metric.ts';

interface Section {
  title: string;
  text?: string;
}

const agentSections: Record<keyof typeof agentMetricGroups, Section> = {
  dns: { title: 'DNS probes' },
  network: {
    title: 'Network probes',
    text: 'Attempts are the `_count` of the latency plus the errors; each packet of a UDP echo is one attempt.',
  },
  ntp: { title: 'NTP probes', text: 'Exposed only while `spec.ntp` is enabled.' },
  settings: { title: 'Settings and sync' },
  schedule: { title: 'Schedule, clock and echo responder' },
  http: { title: 'Agent’s HTTP server' },
  process: { title: 'Process' },
};

const operatorSections: Record<keyof typeof operatorMetricGroups, Section> = {
  resource: {
    title: 'NetExporters',
    text: 'What the statuses say, from the leader only. `namespace` and `netexporter` are those of the NetExporter: a scrape configuration of the operator needs `honor_labels: true`.',
  },
  judgement: {
    title: 'Judgement',
    text: 'What the operator judges from the reports of agents, from the leader only, and only where it syncs with agents. The labels are as above.',
  },
  fleet: {
    title: 'All agents',
    text: `Sums of the reports of all agents of a NetExporter, for Prometheus servers that scrape the operator alone; exposed like the judgement. They count from the moment at which the leader began to lead. Latencies have a relative error of up to 5 %. Series without a result for 15 minutes are removed. All NetExporters together have at most ${maxFleetSeries.total} pairs of zones and servers with series of their own.`,
  },
  controller: {
    title: 'Controllers and work queues',
    text: 'Names and meanings are those of controller-runtime and client-go, so their dashboards and alerts work.',
  },
  watch: { title: 'Watches' },
  event: { title: 'Events' },
  leader: { title: 'Leader election' },
  request: { title: 'Requests to the API server' },
  syncServer: {
    title: 'Sync server',
    text: 'Exposed only where the operator syncs with agents. See [sync-server.md](sync-server.md).',
  },
  reports: {
    title: 'Reports of agents',
    text: 'Exposed only where the operator syncs with agents.',
  },
  http: { title: 'Operator’s HTTP server' },
  api: { title: 'Operator’s API' },
  runtime: { title: 'Runtime' },
  process: { title: 'Process' },
};

/**
 * Renders the reference of all metrics in Markdown: each with its type, unit, labels, their values, and histogram
 * edges.
 */
export function metricsMarkdown(): string {
  return [
    '# Metrics',
    '<!-- Written by `npm run synth` from src/contract/metrics; change it there. -->',
    'Agents serve `/metrics` on port 8000 (`spec.agent.port`), the operator on port 8080. [Scrape the agents](monitoring.md) describes how Prometheus finds them and has queries.',
    'The series of a probe’s target exist at zero from the moment the target is planned and are removed with it. Latencies are those of successful attempts only; failures are counted separately.',
    '## Agent',
    ...program(agentMetricGroups, agentSections),
    '## Operator',
    ...program(operatorMetricGroups, operatorSections),
    '## Histogram buckets',
    'Alert rules count exactly at the upper edge of a bucket and interpolate elsewhere. Both defaults of `spec.health.latency`, 10ms and 100ms, are edges; prefer edges for other thresholds, too. The edges above 1, 2 and 3 s separate handshakes with one, two or three retransmitted SYNs (Linux 6.5 and newer).',
    bucketTable([...agentMetrics(), ...operatorMetrics()]),
  ]
    .join('\n\n')
    .concat('\n');
}

function program<Groups extends Record<string, MetricGroup>>(
  groups: Groups,
  sections: Record<keyof Groups, Section>,
): string[] {
  return Object.entries(groups).flatMap(([name, group]) => {
    const { title, text } = sections[name as keyof Groups];
    const metrics: MetricDeclaration[] = Object.values(group);
    return [`### ${title}`, ...(text ? [text] : []), metricTable(metrics), ...labelList(metrics)];
  });
}

function metricTable(metrics: MetricDeclaration[]): string {
  const rows = metrics.map(({ name, type, unit, labels, help, notes }) => [
    code(name),
    unit ? `${type}, ${unit}` : type,
    Object.keys(labels).map(code).join(', '),
    notes ? `${help} ${notes}` : help,
  ]);
  return table(['metric', 'type', 'labels', 'meaning'], rows);
}

/** The labels of some metrics, each once; where two metrics mean different things by one name, both with the metric. */
function labelList(metrics: MetricDeclaration[]): string[] {
  const distinct = new Map<string, { name: string; label: LabelDeclaration; of: string[] }>();
  for (const metric of metrics)
    for (const [name, label] of Object.entries(metric.labels)) {
      const key = JSON.stringify([name, label]);
      const known = distinct.get(key);
      if (known) known.of.push(metric.name);
      else distinct.set(key, { name, label, of: [metric.name] });
    }
  const all = [...distinct.values()];
  if (all.length === 0) return [];
  const items = all.map(({ name, label, of }) => {
    const isAmbiguous = all.filter((other) => other.name === name).length > 1;
    return labelItem(isAmbiguous ? `${code(name)} of ${of.map(code).join(', ')}` : code(name), label);
  });
  return [`Labels:\n${items.join('\n')}`];
}

function labelItem(subject: string, { help, values }: LabelDeclaration): string {
  if (!values) return `- ${subject}: ${help}`;
  const entries = Object.entries(values);
  const noun = help.replace(/\.$/, '');
  if (entries.every(([value, meaning]) => value === meaning))
    return `- ${subject}: ${noun}, ${entries.map(([value]) => code(value)).join(' or ')}.`;
  return [`- ${subject}: ${noun}:`, ...entries.map(([value, meaning]) => `  - ${code(value)}: ${meaning}`)].join('\n');
}

function bucketTable(metrics: MetricDeclaration[]): string {
  const users = new Map<readonly number[], string[]>();
  for (const metric of metrics)
    if (metric.type === 'histogram') users.set(metric.edges, [...(users.get(metric.edges) ?? []), metric.name]);
  const rows = [...users].map(([edges, names]) => [names.map(code).join(', '), edges.join(', ')]);
  return table(['histogram', 'upper edges in seconds'], rows);
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** Keeps a cell's text in one cell, and its angle brackets from being taken for HTML. */
function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function code(text: string): string {
  return `\`${text}\``;
}
