import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphUrl, latencyByHost, metricsOf, rulesLine } from '../../demo/closing-lines.ts';

const sources = [1, 2, 3, 4, 5].map((number) => ({
  ...{ namespace: 'net-exporter-demo', pod: `demo-agent-${number}` },
  ...{ host: `10.0.0.${number}:8000`, port: 8000, note: `node-${number}` },
}));

test('pods that this machine reaches are given by address, others by a command that can be pasted', () => {
  const kubectlCommand = 'kubectl --kubeconfig FILE';
  assert.deepEqual(metricsOf({ reachesPods: true, kubectlCommand }, 'agent', sources.slice(0, 1)), [
    'agent       http://10.0.0.1:8000/metrics  # node-1',
  ]);
  assert.deepEqual(metricsOf({ reachesPods: false, kubectlCommand }, 'agent', sources.slice(0, 1)), [
    'agent       kubectl --kubeconfig FILE get --raw /api/v1/namespaces/net-exporter-demo/pods/demo-agent-1:8000/proxy/metrics  # node-1',
  ]);
});

test('of many pods a few are shown', () => {
  const lines = metricsOf({ reachesPods: true, kubectlCommand: '' }, 'agent', sources);
  assert.equal(lines.length, 4);
  assert.match(lines[3]!, /^ {12}and 2 more$/);
});

test('the rules that are loaded are counted, and those that fire are named', () => {
  const rules = [
    { name: 'a:b:c', group: 'g' },
    { name: 'Slow', group: 'g', state: 'firing' },
    { name: 'Slow', group: 'g', state: 'firing' },
    { name: 'Down', group: 'g', state: 'pending' },
  ] as const;
  const url = 'http://127.0.0.1:9090';
  assert.equal(rulesLine(rules, url), `Rules       ${url}/alerts  # 3 alerts and 1 recording rule, firing: Slow`);
  assert.equal(rulesLine([], url), `Rules       ${url}/alerts  # 0 alerts and 0 recording rules, firing: none`);
});

test("the link opens Prometheus' page with the query", () => {
  const url = new URL(graphUrl('http://127.0.0.1:9090', latencyByHost));
  assert.equal(url.pathname, '/query');
  assert.equal(url.searchParams.get('g0.expr'), latencyByHost);
});
