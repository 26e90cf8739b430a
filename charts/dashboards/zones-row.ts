import { networkMetrics } from '../../src/contract/metrics/probe-metrics.ts';
import { matrix, type Panel, timeSeries } from './panels.ts';
import { eachPoint, failureRatio, highest, latencyQuantile, wholeRange, withText } from './promql.ts';
import { failureSteps, networkLatencySteps } from './scales.ts';

/** Probes between agents: those of Services end in no zone. */
const betweenZones = {
  by: ['agent_zone', 'peer_zone'],
  matchers: ['peer_node!=""'],
  chosenAgents: true,
};
const pair = '{{agent_zone}} to {{peer_zone}}';
const shape = { rows: 'agent_zone', columns: 'peer_zone', corner: 'From \\ to', width: 12 };
const order = 'Rows: the zone of the agent that probes. Columns: the zone of its peer.';
/** A zone named `none` holds the nodes without a zone. */
const nodesWithoutZone = '`none`: nodes without a zone.';

/** The network between zones. */
export function zonesRow(): Panel[] {
  return [
    matrix({
      ...shape,
      title: 'Failed probes between zones',
      description: `Share of TCP handshakes and UDP echoes between agents that failed in the time range. ${order} ${nodesWithoutZone}`,
      unit: 'percentunit',
      steps: failureSteps,
      expression: forMatrix(failureRatio(wholeRange, networkMetrics, betweenZones)),
    }),
    matrix({
      ...shape,
      title: 'p99 latency between zones',
      description: `99th percentile of the round-trip time between agents in the time range. ${order} ${nodesWithoutZone}`,
      unit: 's',
      steps: networkLatencySteps,
      expression: forMatrix(latencyQuantile(0.99, wholeRange, networkMetrics, betweenZones)),
    }),
    timeSeries({
      title: 'Failed probes by pair of zones',
      description: 'Share of TCP handshakes and UDP echoes between agents that failed, of the 20 worst pairs of zones.',
      unit: 'percentunit',
      width: 12,
      queries: [{ expression: highest(20, failureRatio(eachPoint, networkMetrics, betweenZones)), legend: pair }],
    }),
    timeSeries({
      title: 'p99 latency by pair of zones',
      description: '99th percentile of the round-trip time between agents, of the 20 slowest pairs of zones.',
      unit: 's',
      width: 12,
      queries: [
        { expression: highest(20, latencyQuantile(0.99, eachPoint, networkMetrics, betweenZones)), legend: pair },
      ],
    }),
  ];
}

function forMatrix(expression: string): string {
  return highest(400, withText('none', 'agent_zone', withText('none', 'peer_zone', expression)));
}
