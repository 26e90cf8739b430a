import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { maxExposedResources } from '../../../src/contract/metrics/resource-metrics.ts';
import type { NetExporter } from '../../../src/crd/net-exporter.ts';
import { registerResourceMetrics } from '../../../src/operator/resource-metrics.ts';
import { Metrics } from '../../e2e/metrics.ts';
import { netExporter } from './net-exporter-builder.ts';

async function exposed(resources: NetExporter[]): Promise<Metrics> {
  const registry = new Registry();
  registerResourceMetrics(registry, () => resources);
  return new Metrics(await registry.metrics());
}

const condition = (type: string, status: 'True' | 'False' | 'Unknown') => ({
  ...{ type, status, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'X', message: '' },
});

test('the status of a NetExporter is exposed', async () => {
  const resource = netExporter();
  resource.metadata.generation = 4;
  resource.status = {
    observedGeneration: 3,
    agents: { desired: 3, ready: 2, configured: 1, summary: '2/3' },
    conditions: [condition('Ready', 'False'), condition('ConfigPropagated', 'Unknown'), condition('Other', 'True')],
  };
  const metrics = await exposed([resource]);
  const ofIt = { namespace: 'monitoring', netexporter: 'default' };
  const agents = metrics.find('net_exporter_agents', ofIt).map(({ labels, value }) => [labels.state, value]);
  assert.deepEqual(agents, [
    ['desired', 3],
    ['ready', 2],
    ['configured', 1],
  ]);
  const holding = metrics.find('net_exporter_resource_condition', ofIt).filter(({ value }) => value === 1);
  assert.deepEqual(
    holding.map(({ labels }) => [labels.type, labels.status]),
    [
      ['Ready', 'False'],
      ['ConfigPropagated', 'Unknown'],
    ],
  );
  assert.equal(metrics.find('net_exporter_resource_condition').length, 6, 'each status has a series');
  assert.equal(metrics.sum('net_exporter_generation', ofIt), 4);
  assert.equal(metrics.sum('net_exporter_observed_generation', ofIt), 3);
  assert.equal(metrics.sum('net_exporter_resources_left_out'), 0);
});

test('a NetExporter without a status has its generation only, and where nothing is led there is nothing', async () => {
  const metrics = await exposed([netExporter()]);
  assert.equal(metrics.find('net_exporter_agents').length, 0);
  assert.equal(metrics.find('net_exporter_generation').length, 1);
  assert.equal(metrics.sum('net_exporter_observed_generation'), 0);
  const none = await exposed([]);
  for (const name of ['net_exporter_agents', 'net_exporter_resource_condition', 'net_exporter_generation'])
    assert.equal(none.find(name).length, 0);
});

test('of too many NetExporters the oldest are exposed, and the others counted', async () => {
  const resources = Array.from({ length: maxExposedResources + 2 }, (_, index) => {
    const resource = netExporter();
    const name = `n${index}`;
    const creationTimestamp = new Date(1e12 - index * 1000).toISOString();
    Object.assign(resource.metadata, { name, uid: name, creationTimestamp });
    return resource;
  });
  const metrics = await exposed(resources);
  assert.equal(metrics.find('net_exporter_generation').length, maxExposedResources);
  assert.equal(metrics.find('net_exporter_generation', { netexporter: 'n1' }).length, 0);
  assert.equal(metrics.find('net_exporter_generation', { netexporter: 'n2' }).length, 1);
  assert.equal(metrics.sum('net_exporter_resources_left_out'), 2);
});
