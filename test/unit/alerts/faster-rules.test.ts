import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleGroups } from '../../../charts/monitoring/rules/rule-groups.ts';
import { everyNetExporter } from '../../../charts/monitoring/rules/scope.ts';
import { fasterAlerts } from '../../alerts/faster-rules.ts';

const groups = ruleGroups(everyNetExporter());
const alertsOf = (of: typeof groups) => of.flatMap(({ rules }) => rules.filter((rule) => 'alert' in rule));

test('only the times of the chosen alerts are divided', () => {
  const faster = fasterAlerts(groups, 12, ({ alert }) => alert === 'NetExporterSuspectNode');
  const changed = alertsOf(faster).filter((rule, index) => rule !== alertsOf(groups)[index]);
  const original = alertsOf(groups).find(({ alert }) => alert === 'NetExporterSuspectNode')!;
  assert.deepEqual(changed, [{ ...original, for: '5000ms', keep_firing_for: '25000ms' }]);
});

test('an alert that does not fire on gets no time to do so', () => {
  const faster = fasterAlerts(groups, 2, ({ alert }) => alert === 'NetExporterOperatorDown');
  const rule = alertsOf(faster).find(({ alert }) => alert === 'NetExporterOperatorDown')!;
  assert.equal(rule.for, '300000ms');
  assert.ok(!('keep_firing_for' in rule));
});

test('recording rules stay as they are', () => {
  const recorded = (of: typeof groups) => of.flatMap(({ rules }) => rules.filter((rule) => 'record' in rule));
  assert.deepEqual(recorded(fasterAlerts(groups, 12, () => true)), recorded(groups));
});
