import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { parseAllDocuments } from 'yaml';
import { dashboardFiles } from '../../../../charts/dashboards/dashboard-files.ts';
import { runbookPage, runbookUrl, suspectAlerts } from '../../../../src/contract/alerts.ts';
import { projectUrl } from '../../../../src/contract/project-links.ts';
import { suspectKinds } from '../../../../src/contract/suspects.ts';
import { dashboardQueries, panelsOf, targetsOf } from '../../../e2e/dashboard-queries.ts';
import { markdownDocuments } from '../../docs/markdown.ts';
import { dashboardProblems } from './lint.ts';

const root = join(import.meta.dirname, '../../../..');
/** As Grafana reads it. */
const built = () => JSON.parse(dashboardFiles().get('monitoring/dashboard.json')!) as Dashboard;
const panelOf = (dashboard: Dashboard, title: string) => panelsOf(dashboard).find((panel) => panel.title === title)!;

test('the dashboard keeps the rules of a linter', () => {
  assert.deepEqual(dashboardProblems(built()), []);
});

test('one can choose data source, cluster, namespace, NetExporter, zone and node', () => {
  const { list = [] } = built().templating;
  assert.deepEqual(
    list.map(({ name }) => name),
    ['datasource', 'cluster', 'namespace', 'netexporter', 'zone', 'node'],
  );
  const [, cluster, namespace, netexporter] = list;
  assert.equal(cluster!.allValue, '.*', 'series without the label are of the only cluster');
  for (const { allValue } of [namespace!, netexporter!])
    assert.equal(allValue, '.+', 'series without the label are of other programs');
});

/** Breaks the dashboard. @returns what the linter says then */
function problemsAfter(change: (dashboard: Dashboard) => void): string[] {
  const broken = built();
  change(broken);
  return dashboardProblems(broken);
}

const inPanel = (title: string, change: (panel: Panel) => void) => (broken: Dashboard) =>
  change(panelOf(broken, title));
const inQuery = (title: string, from: string, to: string) =>
  inPanel(title, (panel) => {
    const [target] = targetsOf(panel);
    assert.ok(target!.expr.includes(from), target!.expr);
    target!.expr = target!.expr.replaceAll(from, to);
  });

const mistakes: [problem: RegExp, change: (broken: Dashboard) => void][] = [
  [/uid \S+ has 41 characters/, (broken) => Object.assign(broken, { uid: 'x'.repeat(41) })],
  [/editable/, (broken) => Object.assign(broken, { editable: true })],
  [/not one variable `datasource`/, (broken) => broken.templating.list!.shift()],
  [/zone does not follow the time range/, (broken) => Object.assign(broken.templating.list![4]!, { refresh: 1 })],
  [/zone has another data source/, (broken) => Object.assign(broken.templating.list![4]!.datasource!, { uid: 'x' })],
  [/panel id 5 twice/, (broken) => Object.assign(broken.panels![6]!, { id: 5 })],
  [/Suspects: no title or no description/, inPanel('Suspects', (panel) => Object.assign(panel, { description: '' }))],
  [/Suspects: no unit/, inPanel('Suspects', ({ fieldConfig }) => delete fieldConfig!.defaults.unit)],
  [/Suspects: another data source/, inPanel('Suspects', (panel) => Object.assign(panel.datasource!, { uid: 'x' }))],
  [/Suspects: no calcs/, inPanel('Suspects', ({ options }) => Object.assign(options.reduceOptions, { calcs: [] }))],
  [/DNS latency: no calcs/, inPanel('DNS latency', ({ options }) => Object.assign(options.legend, { calcs: [] }))],
  [/refId A twice/, inPanel('DNS latency', (panel) => Object.assign(targetsOf(panel)[1]!, { refId: 'A' }))],
  [/A has no legend/, inPanel('DNS latency', (panel) => Object.assign(targetsOf(panel)[0]!, { legendFormat: '' }))],
  [
    /A has another data source/,
    inPanel('Nodes', (panel) => Object.assign(targetsOf(panel)[0]!.datasource!, { uid: 'x' })),
  ],
  [/overlap/, inPanel('Nodes', ({ gridPos }) => Object.assign(gridPos!, { y: gridPos!.y - 1 }))],
  [/outside of the grid/, inPanel('DNS latency', ({ gridPos }) => Object.assign(gridPos!, { x: 20 }))],
  [/rate 5m instead of rate \$__rate_interval/, inQuery('DNS failures', '$__rate_interval', '5m')],
  [/rate \$__range instead of/, inQuery('DNS failures', '$__rate_interval', '$__range')],
  [/net_exporter_suspect without namespace/, inQuery('Suspects', 'namespace=~"$namespace",', '')],
  [/net_exporter_suspect without cluster/, inQuery('Suspects', 'cluster=~"$cluster",', '')],
  [/up is not filtered/, inQuery('Agents', 'sum by', 'up + sum by')],
  [/also that of other programs/, inQuery('Failed reconciliations', ',controller=~"netexporter.*"', '')],
  [/syntax error/, inQuery('Suspects', 'sum(', 'sum((')],
  [/unknown variable region/, inQuery('Suspects', '$cluster', '$region')],
  [/no aggregation keeps kind/, inQuery('Suspects over time', 'kind, ', '')],
  [/no aggregation keeps peer_zone/, inQuery('Failed probes between zones', 'peer_zone', 'other')],
];

for (const [problem, change] of mistakes)
  test(`the linter finds: ${problem.source}`, () => {
    const problems = problemsAfter(change);
    assert.ok(
      problems.some((each) => problem.test(each)),
      `not among: ${problems.join('; ')}`,
    );
  });

test('latencies and failures are compared over the same attempts', () => {
  const ratios = dashboardQueries(built()).filter(({ expression }) => /_errors?_total\S*\[.* \/ /.test(expression));
  assert.ok(ratios.length >= 8, `${ratios.length} ratios`);
  for (const { name, expression } of ratios) {
    const [failed, attempts] = expression.split(/ \/ (?=\()/);
    assert.match(attempts ?? '', /_latency_seconds_count\{.* \+ .*_error_total\{.* > 0\)/, `${name}: ${expression}`);
    const errors = /(\w+_error_total)\{/.exec(failed!)![1]!;
    assert.ok(attempts!.includes(errors), name);
  }
});

test('the table of suspects links each kind to the section of its alert', () => {
  const { expr } = targetsOf(panelOf(built(), 'Suspects now'))[0]!;
  for (const kind of suspectKinds) {
    const runbook = /"runbook", "(\w+)", "kind", "(\w+)"/g;
    const anchor = [...expr.matchAll(runbook)].find(([, , of]) => of === kind)?.[1];
    assert.ok(runbookUrl(suspectAlerts[kind]).endsWith(`${runbookPage}#${anchor}`), kind);
  }
});

test('links to the documentation lead to pages that exist', () => {
  const pages = (built().links ?? []).map(({ url = '' }) => url.replace(`${projectUrl}/blob/main/`, ''));
  const documents = markdownDocuments().map(({ path }) => path);
  assert.ok(pages.length >= 3);
  assert.deepEqual(
    pages.filter((page) => !documents.includes(page)),
    [],
  );
});

test('the ConfigMap has the sidecar’s label and exactly the committed dashboard, and is the only one', () => {
  const labelled = globSync('manifests/**/*.yaml', { cwd: root }).flatMap((path) =>
    parseAllDocuments(readFileSync(join(root, path), 'utf8'))
      .map((document) => document.toJS())
      .filter((object) => object?.metadata?.labels?.grafana_dashboard !== undefined),
  );
  assert.equal(labelled.length, 1, 'a second one with this uid makes Grafana refuse the folder');
  const [{ kind, metadata, data }] = labelled;
  assert.deepEqual([kind, metadata.labels.grafana_dashboard], ['ConfigMap', '1']);
  assert.deepEqual(Object.values(data), [readFileSync(join(root, 'manifests/monitoring/dashboard.json'), 'utf8')]);
  // kubectl apply keeps all of it in an annotation, of 256 KiB at most.
  assert.ok(Buffer.byteLength(JSON.stringify(labelled[0])) < 230_000);
});
