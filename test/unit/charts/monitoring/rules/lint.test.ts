import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { prometheusRuleSpec } from '../../../../../charts/monitoring/prometheus-rule.ts';
import type { AlertRule, Rule, RuleGroup } from '../../../../../charts/monitoring/rules/rule.ts';
import { ruleGroups } from '../../../../../charts/monitoring/rules/rule-groups.ts';
import { everyNetExporter, scopeOf } from '../../../../../charts/monitoring/rules/scope.ts';
import { alertNames, alerts } from '../../../../../src/contract/alerts.ts';
import { clusterNamePattern } from '../../../../../src/contract/cluster-names.ts';
import { agentMetrics, operatorMetrics } from '../../../../../src/contract/metrics/declared-metrics.ts';
import { leaderMetrics } from '../../../../../src/contract/metrics/operator-metrics.ts';
import { recordedMetrics } from '../../../../../src/contract/metrics/recorded-metrics.ts';
import { isClusterName } from '../../../../../src/operator/status/cluster-name.ts';
import { promtool } from './promtool.ts';
import { netExporter, scopes } from './scopes.ts';

const declared = [...agentMetrics(), ...operatorMetrics()];
const recorded: readonly string[] = Object.values(recordedMetrics);
/** Of the operator itself, not of a NetExporter. */
const ofNoNetExporter: readonly string[] = [leaderMetrics.status.name];

const rulesOf = (groups: RuleGroup[]) => groups.flatMap(({ rules }) => rules);
const every = rulesOf(ruleGroups(everyNetExporter()));
const alertRules = every.filter((rule): rule is AlertRule => 'alert' in rule);
const nameOf = (rule: Rule) => ('alert' in rule ? rule.alert : rule.record);

interface Selector {
  metric: string;
  matchers: string[];
}

/** The selectors of an expression, and the labels that it aggregates by. @throws AssertionError if it does not parse */
function parsed(expr: string): { selectors: Selector[]; groupings: string[][] } {
  const selectors: Selector[] = [];
  const groupings: string[][] = [];
  const listed = (text: string) => text.replace(/^\w+ *\(|^\(|\)$/g, '').split(', ');
  parser.parse(expr).iterate({
    enter({ type, from, to, node }) {
      const text = expr.slice(from, to);
      assert.ok(!type.isError, `${expr}\ndoes not parse at ${from}: ${expr.slice(from, from + 40)}`);
      if (type.name === 'VectorSelector') {
        const [, metric = '', matchers = ''] = /^([\w:]+)\{(.*)\}$/s.exec(text) ?? assert.fail(`no matcher: ${text}`);
        selectors.push({ metric, matchers: matchers.match(/\w+(=~|=|!=|!~)"[^"]*"/g) ?? [] });
      }
      if (type.name === 'AggregateModifier') groupings.push(listed(text));
      if (type.name === 'AggregateExpr') assert.ok(node.getChild('AggregateModifier'), `no by (…): ${text}`);
    },
  });
  return { selectors, groupings };
}

test('expressions that do not parse, and selectors without matchers, are found', () => {
  assert.throws(() => parsed('sum by (a) (up{netexporter!=""}'));
  assert.throws(() => parsed('sum(up{netexporter!=""})'));
  assert.throws(() => parsed('up'));
  assert.deepEqual(parsed('max by (cluster, pod) (rate(x:y{a="1",b!=""}[5m])) > 1'), {
    selectors: [{ metric: 'x:y', matchers: ['a="1"', 'b!=""'] }],
    groupings: [['cluster', 'pod']],
  });
});

for (const [scope, rules] of Object.entries(scopes))
  test(`every expression selects series of NetExporters and keeps their labels (${scope})`, () => {
    const own = scope === 'one' ? ['namespace="monitoring"', 'netexporter="default"'] : ['netexporter!=""'];
    const all = rulesOf(ruleGroups(rules));
    assert.equal(all.length, every.length);
    for (const rule of all) {
      const { selectors, groupings } = parsed(rule.expr);
      assert.ok(selectors.length > 0, nameOf(rule));
      for (const { metric, matchers } of selectors) {
        if (ofNoNetExporter.includes(metric)) continue;
        for (const matcher of own)
          assert.ok(matchers.includes(matcher), `${nameOf(rule)}: ${metric} without ${matcher}`);
      }
      for (const labels of groupings) {
        assert.equal(labels[0], 'cluster', `${nameOf(rule)}: ${labels}`);
        if (labels.length > 1)
          assert.deepEqual(labels.slice(1, 3), ['namespace', 'netexporter'], `${nameOf(rule)}: ${labels}`);
      }
    }
  });

test('the rules of one NetExporter differ from those of every one in what they select only', () => {
  const one = JSON.stringify(ruleGroups(scopeOf(netExporter)));
  const selected = '{namespace=\\"monitoring\\",netexporter=\\"default\\"';
  assert.ok(one.includes(selected));
  assert.equal(one.replaceAll(selected, '{netexporter!=\\"\\"'), JSON.stringify(ruleGroups(everyNetExporter())));
});

test('matching keeps the labels of NetExporters, too', () => {
  for (const rule of every)
    for (const [clause, labels] of rule.expr.matchAll(/\bon \(([^)]*)\)/g))
      assert.ok(
        labels === 'cluster' || labels!.startsWith('cluster, namespace, netexporter'),
        `${nameOf(rule)}: ${clause}`,
      );
});

test('every metric in an expression is declared, or recorded by an earlier rule of its group or by another group', () => {
  for (const { rules } of ruleGroups(everyNetExporter())) {
    const later = new Set(rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])));
    for (const rule of rules) {
      for (const { metric } of parsed(rule.expr).selectors) {
        assert.ok(!later.has(metric), `${nameOf(rule)} uses ${metric}, which is recorded after it`);
        const isHistogram = (name: string) => declared.some((one) => one.name === name && one.type === 'histogram');
        const isDeclared = declared.some((one) => one.name === metric && one.type !== 'histogram');
        const isPart = /_(bucket|count|sum)$/.test(metric) && isHistogram(metric.replace(/_[a-z]+$/, ''));
        assert.ok(isDeclared || isPart || metric === 'up' || recorded.includes(metric), `${nameOf(rule)}: ${metric}`);
      }
      if ('record' in rule) later.delete(rule.record);
    }
  }
});

test('recorded series are named level:metric:operation, are recorded once, and none is about a single link', () => {
  const records = every.flatMap((rule) => ('record' in rule ? [rule] : []));
  assert.deepEqual(records.map(({ record }) => record).sort(), [...recorded].sort());
  for (const { record, expr } of records) {
    assert.match(record, /^netexporter(_[a-z_]+)?:[a-z_]+:[a-z0-9_]+$/);
    const [labels] = parsed(expr).groupings;
    if (labels) assert.ok(!['host', 'peer_node'].every((label) => labels.includes(label)), record);
  }
});

test('every alert is there once, with its severity and in camel case', () => {
  assert.deepEqual(alertRules.map(({ alert }) => alert).sort(), [...alertNames].sort());
  for (const { alert, labels } of alertRules) {
    assert.match(alert, /^NetExporter([A-Z][a-z]+|DNS)+$/);
    assert.deepEqual(labels, { severity: alerts[alert] });
  }
});

test('every alert says what is wrong, with what labels and numbers, and where its runbook is', () => {
  for (const { alert, annotations, for: pending, expr } of alertRules) {
    const { summary, description, runbook_url } = annotations;
    assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook_url'], alert);
    assert.match(summary, /^[A-Z][^{}\n]*\.$/, alert);
    assert.match(description, /\{\{ \$labels\.namespace \}\}\/\{\{ \$labels\.netexporter \}\}/, alert);
    assert.match(description, /\.$/, alert);
    for (const [, value] of description.matchAll(/\{\{ \$value( \| humanize\w+)? \}\}/g))
      assert.ok(value || /^NetExporter(Agents|Operator|Not)/.test(alert), `${alert}: a number that is no count`);
    assert.match(runbook_url, new RegExp(`/docs/runbooks\\.md#${alert.toLowerCase()}$`));
    assert.match(pending, /^[1-9]\d*[ms]$/, alert);
    for (const [, label] of description.matchAll(/\$labels\.(\w+)/g))
      assert.ok(new RegExp(`\\b${label}\\b`).test(expr), `${alert}: no label ${label}`);
  }
});

test('a change of the leader resolves no alert that is made from what the leader exposes', () => {
  const ofLeader = operatorMetrics()
    .filter(({ labels }) => 'netexporter' in labels)
    .map(({ name }) => name);
  for (const { alert, expr, keep_firing_for } of alertRules) {
    // Silent while the operator judges, or about the operator itself.
    if (['NetExporterNodeCutOff', 'NetExporterDNSServerFailing', 'NetExporterOperatorDown'].includes(alert)) continue;
    const usesLeader = parsed(expr).selectors.some(({ metric }) => ofLeader.includes(metric));
    assert.equal(keep_firing_for, usesLeader ? '5m' : undefined, alert);
  }
});

test('the thresholds of a NetExporter are written into its rules, and the defaults into the others', () => {
  const spec = structuredClone(netExporter.spec);
  spec.health = { ...spec.health, failureRatio: '0.123', latency: { dns: '1m1s', network: '7ms' } };
  const changed = rulesOf(prometheusRuleSpec({ ...netExporter, spec }).groups);
  const defaults = rulesOf(ruleGroups(scopeOf(netExporter)));
  const differing = changed.filter(({ expr }, index) => expr !== defaults[index]!.expr).map(nameOf);
  assert.deepEqual(differing.sort(), [
    'NetExporterDNSSlow',
    'NetExporterPacketLoss',
    'NetExporterRetransmits',
    'NetExporterZonePairSlow',
    recordedMetrics.failingLinks,
  ]);
  const text = JSON.stringify(changed);
  for (const threshold of ['> 61', '>= 0.123', '>= bool 0.123', '> 0.007'])
    assert.ok(text.includes(threshold), threshold);
});

test('a name with characters of regular expressions is matched exactly', () => {
  const metadata = { ...netExporter.metadata, namespace: 'a.b', name: 'c' };
  const text = JSON.stringify(prometheusRuleSpec({ ...netExporter, metadata }));
  assert.ok(text.includes('namespace=\\"a.b\\",netexporter=\\"c\\"'));
  assert.ok(!/(namespace|netexporter)=~/.test(text));
});

test('promtool finds nothing wrong with the rules of both kinds', (t) => {
  const file = readFileSync(new URL('../../../../../manifests/monitoring/rules.yaml', import.meta.url), 'utf8');
  const check = ['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'];
  assert.equal(promtool(t, check, { 'rules.yaml': file }), '');
  assert.equal(promtool(t, check, { 'rules.yaml': prometheusRuleSpec(netExporter) }), '');
});

test('manifests/monitoring/rules.yaml says which thresholds it has, and docs/prometheus.yml loads it', () => {
  const read = (path: string) => readFileSync(new URL(`../../../../../${path}`, import.meta.url), 'utf8');
  const file = read('manifests/monitoring/rules.yaml');
  assert.match(file, /^# failureRatio 0\.05, latency\.dns 100ms, latency\.network 10ms\.$/m);
  assert.deepEqual(parse(file), JSON.parse(JSON.stringify({ groups: ruleGroups(everyNetExporter()) })));
  assert.deepEqual(parse(read('docs/prometheus.yml')).rule_files, ['../manifests/monitoring/rules.yaml']);
});

test('rules and conditions agree on which names are the cluster’s', () => {
  const ours = [
    'kubernetes',
    'a.b.svc',
    'a.b.svc.',
    'a.b.SVC.cluster.local.',
    '1-2-3-4.b.pod.cluster.local',
    'x.a.b.svc.x',
  ];
  const others = [
    'example.com',
    'example.com.',
    'kubernetes.',
    'svc.example.com',
    'a.svc',
    'a.b.svcs',
    'a.b.c.example',
  ];
  for (const name of [...ours, ...others]) {
    assert.equal(isClusterName(name), ours.includes(name), name);
    assert.equal(new RegExp(`^(?:${clusterNamePattern})$`).test(name), ours.includes(name), name);
  }
});
