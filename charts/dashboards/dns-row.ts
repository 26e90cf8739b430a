import { dnsMetrics } from '../../src/contract/metrics/probe-metrics.ts';
import { matrix, type Panel, timeSeries } from './panels.ts';
import { attempts, changeOf, eachPoint, failureRatio, highest, latencyQuantile, wholeRange } from './promql.ts';
import { dnsLatencySteps, failureSteps } from './scales.ts';

const byServer = { by: ['server'], chosenAgents: true };
const byServerAndHost = { by: ['server', 'host'], chosenAgents: true };
const byNode = { by: ['agent_node'], chosenAgents: true };
const shape = { rows: 'server', columns: 'host', corner: 'Server \\ name', width: 12 };
const order = 'Rows: DNS servers. Columns: names.';
const mostCells = 400;
const worst = 20;

/** DNS by server and name, as the chosen nodes see it. */
export function dnsRow(): Panel[] {
  return [
    matrix({
      ...shape,
      title: 'Failed lookups by server and name',
      description: `Share of DNS lookups that failed in the time range. ${order} A red row is a server, a red column is a name. At most the ${mostCells} worst.`,
      unit: 'percentunit',
      steps: failureSteps,
      expression: highest(mostCells, failureRatio(wholeRange, dnsMetrics, byServerAndHost)),
    }),
    matrix({
      ...shape,
      title: 'p99 latency by server and name',
      description: `99th percentile of the duration of successful DNS lookups in the time range. ${order} At most the ${mostCells} slowest.`,
      unit: 's',
      steps: dnsLatencySteps,
      expression: highest(mostCells, latencyQuantile(0.99, wholeRange, dnsMetrics, byServerAndHost)),
    }),
    timeSeries({
      title: 'DNS failures by server and reason',
      description: `Failed DNS lookups per second of the ${worst} most frequent pairs of server and reason. Empty while none fails.`,
      unit: 'ops',
      width: 12,
      noValue: 'No failed lookups',
      queries: [
        {
          expression: highest(
            worst,
            `${changeOf(eachPoint, dnsMetrics.failures.name, { ...byServer, by: ['server', 'protocol', 'reason'] })} > 0`,
          ),
          legend: '{{server}} {{protocol}} {{reason}}',
        },
      ],
    }),
    timeSeries({
      title: 'p99 latency by server',
      description: `99th percentile of the duration of successful DNS lookups, of the ${worst} slowest servers.`,
      unit: 's',
      width: 12,
      queries: [
        { expression: highest(worst, latencyQuantile(0.99, eachPoint, dnsMetrics, byServer)), legend: '{{server}}' },
      ],
    }),
    timeSeries({
      title: 'Failed lookups by node',
      description: `Share of DNS lookups that failed, of the ${worst} worst nodes. One node alone points to the node, all nodes to a server or name.`,
      unit: 'percentunit',
      width: 12,
      queries: [{ expression: highest(worst, failureRatio(eachPoint, dnsMetrics, byNode)), legend: '{{agent_node}}' }],
    }),
    timeSeries({
      title: 'DNS lookups by server',
      description: `DNS lookups per second at the ${worst} servers that are asked most, failed ones included.`,
      unit: 'reqps',
      width: 12,
      queries: [{ expression: highest(worst, attempts(eachPoint, dnsMetrics, byServer)), legend: '{{server}}' }],
    }),
  ];
}
