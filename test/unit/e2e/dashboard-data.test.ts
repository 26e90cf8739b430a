import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from '../../cluster/prometheus.ts';
import { dashboardGaps, faultGaps } from '../../e2e/dashboard-data.ts';

const view = { scrapeIntervalSeconds: 15, rangeSeconds: 600 };
/** Every label that the dashboard needs. */
const names = 'namespace netexporter kind name reason runbook type status state node agent_node agent_zone peer_node';
const more = 'peer_zone host server protocol direction version part source result controller pod';
const labels = Object.fromEntries(`${names} ${more}`.split(' ').map((name) => [name, 'x']));

/** A Prometheus that answers by the expression. */
function prometheusWith(answer: (expression: string) => Sample[]) {
  const query = async (expression: string) => answer(expression);
  return { query, queryRange: query };
}

const gapsWith = (answer: (expression: string) => Sample[]) => dashboardGaps(prometheusWith(answer), view);
const good: Sample[] = [{ labels, value: 1 }];
const isOfSuspects = (expression: string) => /^max by \(cluster, namespace, netexporter, kind/.test(expression);

test('an answer with data and every label is no gap', async () => {
  assert.deepEqual(await gapsWith(() => good), []);
});

test('panels about faults may be empty unless there is such a fault; others may not', async () => {
  assert.deepEqual(await gapsWith((expression) => (isOfSuspects(expression) ? [] : good)), []);
  const [gap, ...others] = await faultGaps(
    prometheusWith(() => []),
    view,
    ['Suspects over time'],
  );
  assert.match(gap!, /^Suspects over time A: no data: max by/);
  assert.deepEqual(others, []);
  assert.deepEqual(
    await faultGaps(
      prometheusWith(() => good),
      view,
      ['Suspects over time'],
    ),
    [],
  );
  const empty = await gapsWith(() => []);
  for (const name of ['variable node', 'Nodes D', 'Leader A', 'Failed probes between zones A'])
    assert.ok(
      empty.some((each) => each.startsWith(`${name}: no data`)),
      name,
    );
  assert.ok(!empty.some((each) => each.startsWith('Failing links')));
});

test('a label that is missing or empty, a NaN and too many series are gaps', async () => {
  const withoutReason = [{ labels: { ...labels, reason: '' }, value: 1 }];
  const gaps = await gapsWith(() => withoutReason);
  assert.ok(gaps.some((gap) => gap.startsWith('Suspects over time A: no label reason')));
  assert.ok(gaps.every((gap) => gap.includes('no label reason')));
  assert.ok((await gapsWith(() => [{ labels, value: Number.NaN }])).some((gap) => gap.startsWith('Leader A: NaN')));
  const many = Array.from({ length: 501 }, () => good[0]!);
  assert.ok((await gapsWith(() => many)).some((gap) => gap.startsWith('Leader A: 501 series')));
});

test('the labels that a cluster without zones and a single cluster lack are not needed', async () => {
  const { peer_node: _, ...others } = labels;
  assert.deepEqual(await gapsWith(() => [{ labels: others, value: 1 }]), []);
});
