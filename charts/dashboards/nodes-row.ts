import { networkMetrics } from '../../src/contract/metrics/probe-metrics.ts';
import { nodeUrl } from './links.ts';
import { type Column, type Panel, table, timeSeries, valueFields } from './panels.ts';
import {
  changeOf,
  eachPoint,
  failureRatio,
  type Grouping,
  highest,
  latencyQuantile,
  renamed,
  type Window,
  wholeRange,
} from './promql.ts';
import { failureSteps, networkLatencySteps } from './scales.ts';

/** Probes that the chosen nodes send, to peers and to Services. */
const outgoing: Grouping = { by: ['agent_node'], chosenAgents: true };
/** Probes that others send to the chosen nodes. */
const incoming: Grouping = {
  by: ['peer_node'],
  matchers: ['peer_node=~"$node"', 'peer_zone=~"$zone"', 'peer_node!=""'],
};
const worst = 20;

/** Each node's network, in both directions. */
export function nodesRow(uid: string): Panel[] {
  return [
    nodesTable(uid),
    directed(
      'Failed probes from nodes',
      'that agents on these nodes send',
      failuresOf(outgoing),
      'percentunit',
      '{{agent_node}}',
    ),
    directed('p99 latency from nodes', 'that agents on these nodes send', p99Of(outgoing), 's', '{{agent_node}}'),
    directed(
      'Failed probes to nodes',
      'that other agents send to these nodes',
      failuresOf(incoming),
      'percentunit',
      '{{peer_node}}',
    ),
    directed('p99 latency to nodes', 'that other agents send to these nodes', p99Of(incoming), 's', '{{peer_node}}'),
    timeSeries({
      title: 'Network failures by reason',
      description: 'Failed probes per second that agents on these nodes send, by protocol and reason.',
      unit: 'ops',
      width: 8,
      queries: [counted(networkMetrics.failures.name, ['protocol', 'reason'], '{{protocol}} {{reason}}')],
    }),
    timeSeries({
      title: 'Lost UDP echoes by direction',
      description:
        'Lost UDP echoes per second from these nodes: on the way to the peer (forward), on the way back (return), or unknown. Only with UDP in spec.network.protocols.',
      unit: 'ops',
      width: 8,
      queries: [counted(networkMetrics.losses.name, ['direction'], '{{direction}}')],
    }),
    timeSeries({
      title: 'Retransmitted SYNs',
      description:
        'Retransmitted SYN packets per second of the TCP handshakes that these nodes open, of the 20 worst nodes.',
      unit: 'ops',
      width: 8,
      queries: [counted(networkMetrics.retransmits.name, ['agent_node'], '{{agent_node}}')],
    }),
    table({
      title: 'Failing links',
      description:
        'Links with failed probes in the time range, worst first. From these nodes to peers and, with an empty peer, to Services.',
      unit: 'percentunit',
      width: 24,
      noValue: 'No failed probes',
      sortBy: 'Failed',
      expressions: [
        highest(
          100,
          `${failuresOf({ ...outgoing, by: ['agent_node', 'peer_node', 'host', 'protocol'] }, wholeRange)} > 0`,
        ),
      ],
      columns: [
        { field: 'agent_node', title: 'From' },
        { field: 'peer_node', title: 'To' },
        { field: 'host', title: 'Address' },
        { field: 'protocol', title: 'Protocol' },
        { field: 'Value', title: 'Failed', unit: 'percentunit', steps: failureSteps },
      ],
    }),
  ];
}

function nodesTable(uid: string): Panel {
  const node = (label: string, expression: string) => highest(100, renamed(label, 'node', expression));
  const expressions = [
    node('agent_node', failuresOf(outgoing, wholeRange)),
    node('peer_node', failuresOf(incoming, wholeRange)),
    node('agent_node', p99Of(outgoing, wholeRange)),
    node('peer_node', p99Of(incoming, wholeRange)),
  ].map(onlyNode);
  const [failedFrom, failedTo, slowFrom, slowTo] = valueFields(expressions.length) as [string, string, string, string];
  const failures = { unit: 'percentunit', steps: failureSteps };
  const latencies = { unit: 's', steps: networkLatencySteps };
  const columns: Column[] = [
    { field: 'node', title: 'Node', link: { title: 'Show only this node', url: nodeUrl(uid) } },
    { field: failedFrom, title: 'Failed from', ...failures },
    { field: failedTo, title: 'Failed to', ...failures },
    { field: slowFrom, title: 'p99 from', ...latencies },
    { field: slowTo, title: 'p99 to', ...latencies },
  ];
  return table({
    title: 'Nodes',
    description:
      'Share of failed probes, and 99th percentile of the latency, from and to each node in the time range: the 100 worst of each column. A node that fails in both directions is at fault, a peer that it fails to reach need not be.',
    unit: 'none',
    width: 24,
    height: 9,
    sortBy: 'Failed from',
    ...{ expressions, columns },
  });
}

/** Without the labels that would keep the rows of one node apart. */
function onlyNode(expression: string): string {
  return `max by (node) (${expression})`;
}

function failuresOf(grouping: Grouping, window: Window = eachPoint): string {
  return failureRatio(window, networkMetrics, grouping);
}

function p99Of(grouping: Grouping, window: Window = eachPoint): string {
  return latencyQuantile(0.99, window, networkMetrics, grouping);
}

function directed(title: string, which: string, expression: string, unit: string, legend: string): Panel {
  const what = unit === 's' ? '99th percentile of the latency of the probes' : 'Share of failed probes among those';
  return timeSeries({
    title,
    description: `${what} ${which}, of the ${worst} worst nodes.`,
    ...{ unit, width: 12 },
    queries: [{ expression: highest(worst, expression), legend }],
  });
}

function counted(metric: string, by: string[], legend: string) {
  return { expression: highest(worst, changeOf(eachPoint, metric, { ...outgoing, by })), legend };
}
