import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AlertRule, RuleGroup } from '../../../../../charts/monitoring/rules/rule.ts';
import { ruleGroups } from '../../../../../charts/monitoring/rules/rule-groups.ts';
import type { RuleScope } from '../../../../../charts/monitoring/rules/scope.ts';
import { type AlertName, alertNames } from '../../../../../src/contract/alerts.ts';
import { builtProgram } from '../../../../cluster/binaries.ts';
import { ownedDirectory } from '../../../../cluster/owned-name.ts';

/** Samples of a series, one for each scrape; undefined where there is none. */
export interface InputSeries {
  name: string;
  labels: Record<string, string>;
  values: (number | undefined)[];
}

/** Seconds between scrapes. */
export const scrapeSeconds = 30;
/** Seconds between evaluations. */
const evaluationSeconds = 60;

/** A firing alert: its labels besides severity, and its description. */
export interface FiringAlert {
  labels: Record<string, string>;
  description: string;
}

/** Alerts that fire. No other does. */
export type Firing = Partial<Record<AlertName, FiringAlert[]>>;

/** Has promtool check and evaluate rules. Skips the test where it has not been built. */
export function promtool(t: TestContext, args: string[], files: Record<string, unknown>): string {
  const program = builtProgram('promtool');
  if (!program) {
    t.skip('promtool is not built yet: the start of a local cluster does that');
    return '';
  }
  const directory = ownedDirectory('promtool');
  try {
    // JSON is YAML.
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: directory, encoding: 'utf8' });
    return status === 0 ? '' : `${stdout}${stderr}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * What promtool finds wrong with the expectations; empty if exactly the expected alerts fire at each of the times.
 * @param expected by minute
 */
export function unexpected(
  t: TestContext,
  scope: RuleScope,
  series: readonly InputSeries[],
  expected: Readonly<Record<number, Firing>>,
): string {
  const groups = ruleGroups(scope);
  const rules = groups.flatMap((group) => group.rules);
  const ruleOf = (alert: AlertName) =>
    rules.find((rule): rule is AlertRule => 'alert' in rule && rule.alert === alert)!;
  const alert_rule_test = Object.entries(expected).flatMap(([minute, firing]) =>
    alertNames.map((alertname) => ({
      eval_time: `${Number(minute) * 60}s`,
      alertname,
      exp_alerts: (firing[alertname] ?? []).map(({ labels, description }) => ({
        exp_labels: { ...labels, ...ruleOf(alertname).labels },
        exp_annotations: { ...ruleOf(alertname).annotations, description },
      })),
    })),
  );
  return tested(t, groups, series, { alert_rule_test });
}

/**
 * What promtool finds wrong with the alerts that are pending; empty if exactly the expected ones are at each time.
 * @param expected by minute, each alert once
 */
export function unexpectedlyPending(
  t: TestContext,
  scope: RuleScope,
  series: readonly InputSeries[],
  expected: Readonly<Record<number, readonly AlertName[]>>,
): string {
  const promql_expr_test = Object.entries(expected).map(([minute, pending]) => ({
    expr: 'count by (alertname) (ALERTS{alertstate="pending"})',
    eval_time: `${Number(minute) * 60}s`,
    exp_samples: pending.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
  }));
  return tested(t, ruleGroups(scope), series, { promql_expr_test });
}

function tested(t: TestContext, groups: RuleGroup[], series: readonly InputSeries[], expectations: object): string {
  const input_series = series.map(({ name, labels, values }) => ({
    series: `${name}{${Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)}}`,
    values: notation(values),
  }));
  const test = { interval: `${scrapeSeconds}s`, input_series, ...expectations };
  return promtool(t, ['test', 'rules', 'test.yaml'], {
    'rules.yaml': { groups },
    'test.yaml': {
      rule_files: ['rules.yaml'],
      evaluation_interval: `${evaluationSeconds}s`,
      group_eval_order: groups.map(({ name }) => name),
      tests: [test],
    },
  });
}

/** A series that ends is stale, as when its target vanishes, or a scrape fails. */
function notation(values: readonly (number | undefined)[]): string {
  return values
    .map((value, index) => {
      if (value !== undefined) return String(value);
      return values[index - 1] === undefined ? '_' : 'stale';
    })
    .join(' ');
}

/** No alert, at each minute. */
export function silence(from: number, to: number): Record<number, Firing> {
  return Object.fromEntries(Array.from({ length: to - from + 1 }, (_, index) => [from + index, {}]));
}
