import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureReasons } from '../../../../src/contract/failure-reason.ts';
import { agentMetrics, operatorMetrics } from '../../../../src/contract/metrics/declared-metrics.ts';
import type { MetricDeclaration } from '../../../../src/contract/metrics/metric.ts';
import { metricsMarkdown } from '../../../../src/contract/metrics/reference.ts';

const all: MetricDeclaration[] = [...new Set([...agentMetrics(), ...operatorMetrics()])];

// As promtool's linter has them: github.com/prometheus/client_golang, prometheus/testutil/promlint.
const otherUnits =
  /(?:^|_)(?:ms|us|ns|sec|milliseconds?|microseconds?|nanoseconds?|minutes?|hours?|days?|kb|mb|gb|kib|mib|gib|kilobytes?|bits?|percent|celsius)(?:_|$)/;

/** What is wrong with a metric; empty when nothing is. */
function faultsOf({ name, type, unit, help, labels, ...rest }: MetricDeclaration & { unit?: string }): string[] {
  const faults: string[] = [];
  const expect = (holds: boolean, fault: string) => holds || faults.push(fault);
  expect(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name), 'is not snake case');
  expect((type === 'counter') === name.endsWith('_total'), 'counters, and they alone, end with _total');
  expect(!/_(count|sum|bucket)$/.test(name), 'has a suffix of histograms');
  expect(!/(^|_)(counter|gauge|histogram|summary)(_|$)/.test(name), 'has its type in its name');
  expect(!otherUnits.test(name), 'has a unit that is no base unit');
  const stem = name.replace(/_total$/, '');
  for (const base of ['seconds', 'bytes']) expect((unit === base) === stem.endsWith(`_${base}`), `unit ${base}`);
  for (const base of ['seconds', 'bytes']) if (unit === base) expect(help.includes(base), 'its help names no unit');
  expect(/^[A-Z][^.]*\.$/.test(help), 'its help is not one phrase from a capital letter to a period');
  expect(help.length <= 100, 'its help is long');
  expect(
    !name.endsWith('_info') || (type === 'gauge' && help.includes('always 1')),
    'infos are gauges that are always 1',
  );
  for (const [label, { help: meaning, values }] of Object.entries(labels)) {
    expect(
      /^[a-z]+(_[a-z]+)*$/.test(label) && !['le', 'quantile', 'job', 'instance'].includes(label),
      `label ${label}`,
    );
    expect(/^[A-Z].*[^;,:]\.?$/.test(meaning), `the meaning of ${label}`);
    for (const [value, said] of Object.entries(values ?? {}))
      expect(said.length > 0, `the meaning of ${label}="${value}"`);
  }
  if ('edges' in rest) {
    expect(rest.edges.length > 0, 'has no edges');
    expect(
      rest.edges.every((edge, n) => n === 0 || edge > rest.edges[n - 1]!),
      'its edges do not ascend',
    );
  }
  return faults;
}

test('every metric follows the rules that promtool checks, and says in its help what is counted in which unit', () => {
  assert.deepEqual(
    all.flatMap((metric) => faultsOf(metric).map((fault) => `${metric.name}: ${fault}`)),
    [],
  );
});

test('the rules find what breaks them', () => {
  const good = { name: 'a_seconds', type: 'gauge', unit: 'seconds', help: 'Age in seconds.', labels: {} } as const;
  assert.deepEqual(faultsOf(good), []);
  for (const change of [
    ...[{ name: 'a_total' }, { name: 'a_ms' }, { name: 'aSeconds' }, { name: 'gauge_seconds' }, { name: 'a' }],
    ...[{ help: 'Age.' }, { help: 'Age in seconds' }, { help: 'age in seconds.' }, { help: 'Age. In seconds.' }],
    ...[{ type: 'counter' as const }, { name: 'a_info' }, { labels: { le: { help: 'Edge.' } } }],
    { labels: { kind: { help: 'Kind.', values: { a: '' } } } },
  ])
    assert.notDeepEqual(faultsOf({ ...good, ...change }), [], JSON.stringify(change));
  assert.notDeepEqual(faultsOf({ ...good, type: 'histogram', edges: [2, 1] }), []);
});

test('a name means one thing, in both programs', () => {
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
});

test('reasons are those that agents report', () => {
  const reasons = agentMetrics().filter(({ name }) => name.endsWith('_failures_total'));
  assert.equal(reasons.length, 3);
  const declared = new Set(reasons.flatMap(({ labels }) => Object.keys(labels.reason!.values!)));
  assert.deepEqual([...declared].sort(), [...failureReasons].sort());
});

test('the reference names every metric, label and value', () => {
  const text = metricsMarkdown();
  for (const { name, labels, help } of all) {
    assert.ok(text.includes(`| \`${name}\` | `) && text.includes(` ${help}`), name);
    for (const [label, { values = {} }] of Object.entries(labels))
      for (const shown of [label, ...Object.keys(values)]) assert.ok(text.includes(`\`${shown}\``), `${name} ${shown}`);
  }
});
