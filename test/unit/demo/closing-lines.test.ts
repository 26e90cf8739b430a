import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphUrl, latencyByHost, metricsOf } from '../../demo/closing-lines.ts';

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

test("the link opens Prometheus' page with the query", () => {
  const url = new URL(graphUrl('http://127.0.0.1:9090', latencyByHost));
  assert.equal(url.pathname, '/query');
  assert.equal(url.searchParams.get('g0.expr'), latencyByHost);
});
