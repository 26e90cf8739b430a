import { ntpMetrics } from '../../../src/contract/metrics/probe-metrics.ts';
import { recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import { by, on, parens, series, within } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';

/** In seconds. Certificates, tokens and databases with leases take more; time stamps of logs do not. */
const largestOffset = 0.1;

/** Alerts about the clocks of nodes. */
export function clockAlerts(scope: RuleScope): AlertRule[] {
  const offset = series(scope, ntpMetrics.offset.name);
  const behind = `min_over_time(${offset}[5m]) > ${largestOffset}`;
  const ahead = `max_over_time(${offset}[5m]) < -${largestOffset}`;
  const either = [behind, ahead]
    .map((side) => parens(agreed(scope, `${side}\nand present_over_time(${offset}[5m] offset 5m)`)))
    .join('\nor\n');
  return [
    alertRule('NetExporterClockOffset', {
      expr: [
        `max ${by('node')} (`,
        within(`${parens(either)}\n* ${on('pod')} group_left (node)\n${series(scope, recorded.agents)}`),
        ')',
      ].join('\n'),
      // Every sample of five minutes counts already.
      for: '30s',
      summary: 'The clock of a node is wrong.',
      description:
        'The clock of the node {{ $labels.node }} of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} has been {{ $value | humanizeDuration }} off its time servers for 5 minutes.',
    }),
  ];
}

/**
 * Agents whose time servers agree: all of them if there is one, and at least two otherwise, because one of several may
 * be wrong itself.
 * @param off servers that say that the clock is wrong, in the same direction
 */
function agreed(scope: RuleScope, off: string): string {
  const agreeing = `count ${by('pod')} (\n${within(off)}\n) > 1`;
  const single = `count ${by('pod')} (${series(scope, ntpMetrics.errors.name)}) == 1`;
  return `max ${by('pod')} (\n${within(`abs(\n${within(off)}\n)`)}\n)\nand ${on('pod')} ${parens(`${agreeing}\nor\n${single}`)}`;
}
