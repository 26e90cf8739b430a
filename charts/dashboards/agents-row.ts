import { scheduleMetrics, settingsMetrics } from '../../src/contract/metrics/agent-metrics.ts';
import { processMetrics } from '../../src/contract/metrics/process-metrics.ts';
import { resourceMetrics } from '../../src/contract/metrics/resource-metrics.ts';
import { type Panel, timeSeries } from './panels.ts';
import {
  aggregate,
  changeOf,
  eachPoint,
  highest,
  maxBy,
  ofChosenAgents,
  resourceKey,
  seriesOf,
  sumBy,
} from './promql.ts';

const resource = '{{namespace}}/{{netexporter}}';
const worst = 20;

/** The monitor itself: agents. */
export function agentsRow(): Panel[] {
  return [
    timeSeries({
      title: 'Agents',
      description:
        'Agents by state, as the operator counts them, and agents that Prometheus scrapes with success (scraped). All should be equal to desired.',
      unit: 'none',
      width: 8,
      queries: [
        {
          expression: sumBy(['state'], maxBy([...resourceKey, 'state'], seriesOf(resourceMetrics.agents.name))),
          legend: '{{state}}',
        },
        { expression: `sum(${seriesOf('up')})`, legend: 'scraped' },
      ],
    }),
    timeSeries({
      title: 'Agents by version',
      description: 'Number of agents of each version. More than one for long is an upgrade that stopped half way.',
      unit: 'none',
      width: 8,
      queries: [
        {
          expression: aggregate('count', ['version'], seriesOf(processMetrics.buildInfo.name)),
          legend: '{{version}}',
        },
      ],
    }),
    timeSeries({
      title: 'Generations behind',
      description:
        'How many generations of the spec the agent with the oldest settings is behind. Above 0 for a few seconds after an edit only.',
      unit: 'none',
      width: 8,
      queries: [
        {
          expression: `${maxBy(resourceKey, seriesOf(resourceMetrics.generation.name))} - ${aggregate('min', resourceKey, seriesOf(settingsMetrics.generation.name))}`,
          legend: resource,
        },
      ],
    }),
    timeSeries({
      title: 'Sources of settings and peers',
      description:
        'Number of agents by where they have settings and peers from. `sync` is the operator; others are used while it cannot be reached.',
      unit: 'none',
      width: 8,
      queries: [
        {
          expression: aggregate('count', ['part', 'source'], seriesOf(settingsMetrics.source.name)),
          legend: '{{part}} from {{source}}',
        },
      ],
    }),
    timeSeries({
      title: 'Time since the last sync',
      description: `Time since the operator last answered an agent, of the ${worst} nodes where it is longest. At most about 15 s when all is well.`,
      unit: 's',
      width: 8,
      queries: [byNode(settingsMetrics.syncAge.name)],
    }),
    timeSeries({
      title: 'Sync requests of agents by result',
      description: 'Sync requests of agents per second by result. All but `ok` are failures.',
      unit: 'reqps',
      width: 8,
      queries: [
        {
          expression: changeOf(eachPoint, settingsMetrics.requests.name, { by: ['result'] }),
          legend: '{{result}}',
        },
      ],
    }),
    timeSeries({
      title: 'Scheduler lag',
      description: `Longest delay of an agent's probes in the last one to two minutes, of the ${worst} nodes where it is longest. High: the agent gets too little CPU.`,
      unit: 's',
      width: 8,
      queries: [byNode(scheduleMetrics.lag.name)],
    }),
    timeSeries({
      title: 'Skipped turns',
      description: 'Turns of probes that agents skipped, per second, by reason. They are not counted as failures.',
      unit: 'ops',
      width: 8,
      queries: [
        { expression: changeOf(eachPoint, scheduleMetrics.skipped.name, { by: ['reason'] }), legend: '{{reason}}' },
      ],
    }),
    timeSeries({
      title: 'Memory of agents',
      description: `Resident memory of the ${worst} agents that take most. The default limit is 128 MiB.`,
      unit: 'bytes',
      width: 8,
      queries: [byNode(processMetrics.residentMemory.name)],
    }),
  ];
}

/** A gauge of the agent on each node. */
function byNode(metric: string) {
  return {
    expression: highest(worst, maxBy(['agent_node'], ofChosenAgents(seriesOf(metric)))),
    legend: '{{agent_node}}',
  };
}
