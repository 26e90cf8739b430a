import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { prometheusRuleSpec } from '../../../../charts/monitoring/prometheus-rule.ts';
import {
  fixedTexts,
  keptForTimes,
  prometheusRuleRules,
  prometheusRuleVariables,
  ruleText,
  textPatterns,
} from '../../../../charts/policy/prometheus-rule-rules.ts';
import { NetExporterSpecSchema } from '../../../../src/crd/net-exporter.ts';
import { netExporter } from '../../operator/net-exporter-builder.ts';

// What the API server makes of the rules is tested with a real one: test/e2e/pod-monitor.test.ts.

type Rule = Parameters<typeof ruleText>[0];

const own = (namespace: string, name: string) => `namespace="${namespace}",netexporter="${name}"`;

function isAllowed(rule: Rule, namespace = 'monitoring', name = 'default'): boolean {
  const text = ruleText(rule, own(namespace, name));
  const matching = textPatterns.filter(
    ({ start, pattern }) => text.startsWith(start) && new RegExp(pattern).test(text),
  );
  return fixedTexts.includes(text) || matching.length === 1;
}

const rulesOf = (change?: Parameters<typeof netExporter>[0], name?: string) =>
  prometheusRuleSpec(netExporter(change, name)).groups.flatMap(({ rules }) => rules as Rule[]);

test('whatever health and name a NetExporter has, its rules are those of the policy', () => {
  const milliseconds = fc.integer({ min: 1, max: 60_000 }).map((number) => `${number}ms`);
  const ratio = fc.integer({ min: 1, max: 10_000 }).map((number) => `${number / 10_000}`);
  const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/);
  fc.assert(
    fc.property(milliseconds, milliseconds, ratio, name, (dns, network, failureRatio, name) => {
      const rules = rulesOf((spec) => {
        Object.assign(spec.health, { failureRatio, latency: { dns, network } });
        spec.ntp.enabled = name.length % 2 === 0;
      }, name);
      for (const rule of rules) {
        assert.ok(isAllowed(rule, 'monitoring', name), JSON.stringify(rule));
        assert.ok(rule.keep_firing_for === undefined || keptForTimes.includes(rule.keep_firing_for));
      }
    }),
    { numRuns: 50 },
  );
});

test('a rule about another NetExporter, with another query, text, name or severity is none', () => {
  const changes: ((rule: Rule) => object)[] = [
    ({ expr }) => ({ expr: expr.replace('netexporter="default"', 'netexporter="other"') }),
    ({ expr }) => ({ expr: expr.replace('namespace="monitoring"', 'namespace="other"') }),
    ({ expr }) => ({ expr: expr.replaceAll(own('monitoring', 'default'), 'netexporter!=""') }),
    ({ expr }) => ({ expr: `${expr} or vector(1)` }),
    ({ expr }) => ({ expr: expr.replace(/\d+(?=\n|$)/, 'vector(1)') }),
    ({ alert, record }) => ({ alert: `${alert ?? record}2`, record: undefined }),
    () => ({ record: 'up' }),
    () => ({ for: '1s' }),
    () => ({ labels: { severity: 'page' } }),
    ({ annotations }) => ({ annotations: { ...annotations, summary: 'Call 0900.' } }),
    ({ annotations }) => ({ annotations: { ...annotations, runbook_url: 'http://192.0.2.1' } }),
  ];
  for (const rule of rulesOf()) {
    assert.ok(isAllowed(rule));
    for (const change of changes) {
      const changed = { ...rule, ...change(rule) };
      if (changed.expr === rule.expr && JSON.stringify(changed) === JSON.stringify(rule)) continue;
      assert.equal(isAllowed(changed), false, JSON.stringify(changed));
    }
  }
});

test('there are thresholds of every field of spec.health.latency and of spec.health.failureRatio, and of no other field', () => {
  const { health } = NetExporterSpecSchema.properties;
  assert.deepEqual(Object.keys(health.properties).sort(), ['failureRatio', 'latency', 'nodeEvents', 'window']);
  const before = JSON.stringify(rulesOf());
  const changed = (change: Parameters<typeof netExporter>[0]) => JSON.stringify(rulesOf(change)) !== before;
  assert.ok(changed(({ health }) => Object.assign(health, { failureRatio: '0.5' })));
  assert.ok(changed(({ health }) => Object.assign(health.latency, { dns: '1s' })));
  assert.ok(changed(({ health }) => Object.assign(health.latency, { network: '1s' })));
});

test('no expression exceeds what the API server compiles', () => {
  // cel-go parses at most 100,000 code points.
  for (const { expression } of [...prometheusRuleVariables, ...prometheusRuleRules])
    assert.ok(expression.length < 80_000, `${expression.length}`);
});
