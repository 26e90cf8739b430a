import { settingsMetrics } from '../../../src/contract/metrics/agent-metrics.ts';
import { judgementMetrics } from '../../../src/contract/metrics/judgement-metrics.ts';
import { leaderMetrics } from '../../../src/contract/metrics/operator-metrics.ts';
import { processMetrics } from '../../../src/contract/metrics/process-metrics.ts';
import { resourceMetrics } from '../../../src/contract/metrics/resource-metrics.ts';
import { operatorName } from '../../../src/contract/operator-names.ts';
import { by, on, parens, series, within } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';
import { leaderChange } from './suspect-alerts.ts';

const netExporter = 'the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }}';

/** Alerts about agents and operator. */
export function monitorAlerts(scope: RuleScope): AlertRule[] {
  return [
    alertRule('NetExporterAgentsMissing', {
      expr: [parens(unreadyAgents(scope)), 'or', parens(silentAgents(scope))].join('\n'),
      for: '15m',
      keepFiringFor: leaderChange,
      summary: 'Agents are missing.',
      description: `{{ $value }} of the agents of ${netExporter} are not ready, or Prometheus cannot scrape them.`,
    }),
    alertRule('NetExporterAgentsNotConfigured', {
      expr: [parens(unconfiguredAgents(scope)), 'or', parens(unsyncedAgents(scope))].join('\n'),
      for: '15m',
      keepFiringFor: leaderChange,
      summary: 'Agents do not have the newest settings.',
      description: `{{ $value }} of the agents of ${netExporter} do not have the newest settings or targets, or get no answer from the operator.`,
    }),
    alertRule('NetExporterAgentsOutdated', {
      expr: `${versions(scope)} > 1\n${unlessRollingOut(scope)}`,
      for: '30m',
      keepFiringFor: leaderChange,
      summary: 'Agents run different versions.',
      description: `Agents of {{ $value }} versions run for ${netExporter}, and no rollout makes progress.`,
    }),
    alertRule('NetExporterStalled', {
      expr: `${condition(scope, 'Stalled', 'True')} == 1`,
      for: '15m',
      keepFiringFor: leaderChange,
      summary: 'The operator is blocked and needs help.',
      description: `The condition Stalled of ${netExporter} is True. Its message says what blocks the operator.`,
    }),
    alertRule('NetExporterOperatorDown', {
      expr: operatorDown(scope),
      for: '10m',
      summary: 'No operator leads.',
      description: `Prometheus scrapes {{ $value }} agents of ${netExporter} and no operator that leads. Agents keep measuring with their last configuration; nothing is judged.`,
    }),
    alertRule('NetExporterNotJudging', {
      expr: [parens(oldJudgement(scope)), 'or', parens(neverJudged(scope)), 'or', parens(tooFewReports(scope))].join(
        '\n',
      ),
      for: '10m',
      keepFiringFor: leaderChange,
      summary: 'The operator does not judge the network and DNS.',
      description: `The operator leads, but does not judge ${netExporter}, which has {{ $value }} ready agents, or fewer than half of them report.`,
    }),
  ];
}

/** One series for each NetExporter: for a moment, two operators may expose it. */
function agents(scope: RuleScope, state: keyof typeof resourceMetrics.agents.labels.state.values): string {
  return `max ${by()} (${series(scope, resourceMetrics.agents.name, `state="${state}"`)})`;
}

function condition(
  scope: RuleScope,
  type: keyof typeof resourceMetrics.condition.labels.type.values,
  status: keyof typeof resourceMetrics.condition.labels.status.values,
  when = '',
): string {
  const { name } = resourceMetrics.condition;
  return `max ${by()} (${series(scope, name, `type="${type}"`, `status="${status}"`)}${when})`;
}

/**
 * A rollout that makes no progress for 10 minutes is not Reconciling any more, but Stalled. After its end, the last
 * agents have some time until Prometheus has scraped them.
 */
function unlessRollingOut(scope: RuleScope): string {
  const reconciling = series(scope, resourceMetrics.condition.name, 'type="Reconciling"', 'status="True"');
  return `unless ${on()} (max ${by()} (max_over_time(${reconciling}[5m])) == 1)`;
}

function unreadyAgents(scope: RuleScope): string {
  return `${agents(scope, 'desired')} - ${agents(scope, 'ready')} > 0\n${unlessRollingOut(scope)}`;
}

/** Those that have not answered for ten minutes. Pods that are replaced are gone earlier. */
function silentAgents(scope: RuleScope): string {
  const up = series(scope, 'up');
  return `count ${by()} (\n${within(`max_over_time(${up}[10m]) == 0\nand ${up} == 0\nand ${up} offset 10m`)}\n)`;
}

/** An edit takes seconds to reach all agents. */
function unconfiguredAgents(scope: RuleScope): string {
  const ready = agents(scope, 'ready');
  const configured = parens(`${agents(scope, 'configured')}\nor\n${ready} * 0`);
  const isBehind = ['', ' offset 2m'].map(
    (when) => `and ${on()} (${condition(scope, 'ConfigPropagated', 'False', when)} == 1)`,
  );
  return [`${ready} - ${configured} > 0`, ...isBehind, unlessRollingOut(scope)].join('\n');
}

/** Agents without an answer for five minutes, while the operator answers others. */
function unsyncedAgents(scope: RuleScope): string {
  const age = series(scope, settingsMetrics.syncAge.name);
  return `count ${by()} (${age} > 300)\nand ${on()} (min ${by()} (${age}) < 60)`;
}

function versions(scope: RuleScope): string {
  const builds = series(scope, processMetrics.buildInfo.name);
  return `count ${by()} (count ${by('version')} (${builds}))`;
}

/**
 * Per cluster, because whether an operator leads is a series of no NetExporter. Where rules may see only one namespace,
 * as with `enforcedNamespaceLabel`, what the leader exposes about the NetExporter says so.
 */
function operatorDown(scope: RuleScope): string {
  const leading = `max by (cluster) (${leaderMetrics.status.name}{name="${operatorName}"}) == 1`;
  return [
    `count ${by()} (${series(scope, 'up')} == 1)`,
    `unless on (cluster) (${leading})`,
    `unless ${on()} ${series(scope, resourceMetrics.generation.name)}`,
  ].join('\n');
}

function judgedAt(scope: RuleScope): string {
  return `max ${by()} (${series(scope, judgementMetrics.judged.name)})`;
}

function oldJudgement(scope: RuleScope): string {
  return `${agents(scope, 'ready')} and ${on()} (time() - ${judgedAt(scope)} > 120)`;
}

/** Where the operator does not sync with agents, or is paused, ConfigPropagated is Unknown. */
function neverJudged(scope: RuleScope): string {
  const isSynced = `and ${on()} (${condition(scope, 'ConfigPropagated', 'Unknown')} == 0)`;
  return `${agents(scope, 'ready')} > 0\nunless ${on()} ${judgedAt(scope)}\n${isSynced}`;
}

/** Judging takes the reports of half of the agents. */
function tooFewReports(scope: RuleScope): string {
  return `${agents(scope, 'ready')} > 2 * ${agents(scope, 'reporting')}`;
}
