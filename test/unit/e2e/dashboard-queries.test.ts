import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from '../../../charts/dashboards/dashboard.ts';
import {
  dashboardQueries,
  emptyUnlessFault,
  panelsOf,
  substituted,
  targetsOf,
  variableQueries,
} from '../../e2e/dashboard-queries.ts';

const built = JSON.parse(JSON.stringify(dashboard())) as Dashboard;
const view = { scrapeIntervalSeconds: 15, rangeSeconds: 600 };
const substitute = (expression: string, choices = {}) => substituted(expression, built, { ...view, choices });

test('all of a variable is its own expression for all', () => {
  assert.equal(
    substitute('up{cluster=~"$cluster",namespace=~"$namespace",agent_node=~"$node"}'),
    'up{cluster=~".*",namespace=~".+",agent_node=~".*"}',
  );
});

test('one value is escaped, several are a group', () => {
  assert.equal(substitute('$node', { node: ['node-1'] }), 'node-1');
  assert.equal(substitute('$node', { node: ['ip-10.eu(1)', 'b|c'] }), String.raw`(ip-10\\.eu\\(1\\)|b\\|c)`);
  assert.equal(substitute('$node', { node: ['a\\b'] }), String.raw`a\\\\b`);
});

test('the rate interval is four scrapes, and what is no variable stays', () => {
  assert.equal(substitute('rate(x[$__rate_interval]) + increase(x[$__range])'), 'rate(x[60s]) + increase(x[600s])');
  assert.equal(substitute('label_replace(x, "a", "$1", "b", "(.*)$")'), 'label_replace(x, "a", "$1", "b", "(.*)$")');
  assert.throws(() => substitute('$region'), /no variable is named region/);
});

test('the labels of legends, columns and matrices are those that the queries must have', () => {
  const labelsOf = (panel: string) => dashboardQueries(built).find((query) => query.panel === panel)!.labels;
  assert.deepEqual(labelsOf('Suspects over time'), ['kind', 'name', 'reason']);
  assert.deepEqual(labelsOf('Failed probes between zones'), ['agent_zone', 'peer_zone']);
  assert.deepEqual(labelsOf('Nodes'), ['node']);
  assert.deepEqual(labelsOf('Failing links'), ['agent_node', 'peer_node', 'host', 'protocol']);
});

test('no query of the dashboard and of its variables is left out', () => {
  const targets = panelsOf(built).flatMap(targetsOf);
  assert.equal(dashboardQueries(built).length, targets.length);
  assert.ok(targets.length > 40, `${targets.length} queries`);
  assert.deepEqual(
    variableQueries(built).map(({ label }) => label),
    ['cluster', 'namespace', 'netexporter', 'agent_zone', 'agent_node'],
  );
});

test('panels that may be empty exist', () => {
  const titles = panelsOf(built).map(({ title }) => title);
  for (const title of emptyUnlessFault) assert.ok(titles.includes(title), title);
});
