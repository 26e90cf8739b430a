import { judgementMetrics } from '../../src/contract/metrics/judgement-metrics.ts';
import {
  controllerMetrics,
  leaderMetrics,
  runtimeMetrics,
  syncServerMetrics,
} from '../../src/contract/metrics/operator-metrics.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import { type Panel, stateTimeline, timeSeries } from './panels.ts';
import { eachPoint, maxBy, operatorSeriesOf, resourceKey, seriesOf, sumBy } from './promql.ts';

/** Other operators have controllers and Leases, too. */
const ownControllers = 'controller=~"netexporter.*"';
const ownLease = `name="${operatorName}"`;
const leading = operatorSeriesOf(leaderMetrics.status.name, ownLease);

/** The monitor itself: the operator. */
export function operatorRow(): Panel[] {
  return [
    stateTimeline({
      title: 'Leader',
      description: 'Which of the operator’s pods leads. Exactly one should.',
      unit: 'none',
      width: 8,
      texts: { 0: { text: 'stands by', color: 'text' }, 1: { text: 'leads', color: 'green' } },
      query: { expression: maxBy(['pod'], leading), legend: '{{pod}}' },
    }),
    timeSeries({
      title: 'Age of the judgement',
      description:
        'Time since the operator last judged what is at fault, which it does every 5 s. Without it, suspects are out of date.',
      unit: 's',
      width: 8,
      queries: [
        {
          expression: `time() - ${maxBy(resourceKey, seriesOf(judgementMetrics.judged.name))}`,
          legend: '{{namespace}}/{{netexporter}}',
        },
      ],
    }),
    timeSeries({
      title: 'Failed reconciliations',
      description: 'Failed reconciliations per second by controller. The operator’s log has the errors.',
      unit: 'ops',
      width: 8,
      queries: [
        {
          expression: changeByController('controller', controllerMetrics.errors.name),
          legend: '{{controller}}',
        },
      ],
    }),
    timeSeries({
      title: 'p99 time to reconcile',
      description: '99th percentile of the duration of reconciliations by controller.',
      unit: 's',
      width: 8,
      queries: [
        {
          expression: `histogram_quantile(0.99, ${changeByController('controller, le', `${controllerMetrics.time.name}_bucket`)}) >= 0`,
          legend: '{{controller}}',
        },
      ],
    }),
    timeSeries({
      title: 'Sync requests at the operator by result',
      description:
        'Sync requests that the operator answered per second, by result. Healthy answers are `changed` and `unchanged`.',
      unit: 'reqps',
      width: 8,
      queries: [
        {
          expression: sumBy(
            ['result'],
            `rate(${operatorSeriesOf(syncServerMetrics.requests.name)}[${eachPoint.duration}])`,
          ),
          legend: '{{result}}',
        },
      ],
    }),
    timeSeries({
      title: 'Event loop delay of the operator',
      description:
        'Longest delay of an operator’s event loop in the last one to two minutes. Agents and API requests wait that long.',
      unit: 's',
      width: 8,
      queries: [
        {
          // Other programs on Node.js have this metric, too; the Lease says which pods are operators.
          expression: maxBy(
            ['pod'],
            `${operatorSeriesOf(runtimeMetrics.eventLoopLag.name)} and on (cluster, namespace, pod) ${leading}`,
          ),
          legend: '{{pod}}',
        },
      ],
    }),
  ];
}

function changeByController(labels: string, counter: string): string {
  return sumBy([labels], `rate(${operatorSeriesOf(counter, ownControllers)}[${eachPoint.duration}])`);
}
