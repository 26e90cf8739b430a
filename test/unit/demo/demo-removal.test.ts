import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { installObjects, marked, namespaceObject, netExporterObject } from '../../demo/demo-objects.ts';
import { DemoRemoval } from '../../demo/demo-removal.ts';
import { type KubeObject, nameOf } from '../../demo/object-access.ts';
import { FakeCluster } from './fake-cluster.ts';

const run = 'demo-1.2-abcdef';
const install = await installObjects();
let cluster: FakeCluster;
let log: string[];
let removal: DemoRemoval;

beforeEach(() => {
  cluster = new FakeCluster();
  log = [];
  removal = new DemoRemoval(cluster.access, run, (line) => log.push(line));
});

async function removeAll(): Promise<void> {
  await removal.removeNetExporter();
  await removal.removeOperator();
  await removal.removeNamespace();
}

function users(kind: string, namespace: string, name: string): KubeObject {
  const creationTimestamp = '2026-01-01T00:05:00Z';
  return { apiVersion: 'v1', kind, metadata: { namespace, name, creationTimestamp } as KubeObject['metadata'] };
}

function addDemo(installed = true): void {
  cluster.add(marked(namespaceObject(), run));
  cluster.add(marked(netExporterObject(), run));
  if (installed) for (const object of install) cluster.add(marked(object, run));
}

test('everything that the run created goes', async () => {
  addDemo();
  await removeAll();
  assert.deepEqual(cluster.names, []);
  assert.deepEqual(log, []);
});

test('what has no mark, or that of another run, stays', async () => {
  for (const object of [namespaceObject(), netExporterObject()]) cluster.add(object);
  for (const object of install) cluster.add(marked(object, 'demo-7.8-abcdef'));
  const before = cluster.names;
  await removeAll();
  assert.deepEqual(cluster.names, before);
});

test('an installation that was interrupted goes as far as it came', async () => {
  addDemo(false);
  for (const object of install.slice(0, 5)) cluster.add(marked(object, run));
  await removeAll();
  assert.deepEqual(cluster.names, []);
});

test("another's NetExporter keeps the operator with its definition", async () => {
  addDemo();
  const other = { ...netExporterObject(), metadata: { namespace: 'monitoring', name: 'default' } };
  cluster.add(other);
  await removeAll();
  assert.deepEqual(cluster.names.sort(), [...install, other].map(nameOf).sort());
  assert.match(log.join('\n'), /operator stays: .*NetExporter monitoring\/default/);
});

test("others' objects keep the namespace that they are in", async () => {
  for (const [namespace, kind] of [
    ['net-exporter-demo', 'ConfigMap'],
    ['net-exporter-demo', 'NetExporter'],
    ['net-exporter-system', 'ConfigMap'],
  ] as const) {
    cluster = new FakeCluster();
    removal = new DemoRemoval(cluster.access, run, (line) => log.push(line));
    addDemo();
    cluster.add(users(kind, namespace, 'mine'));
    await removeAll();
    assert.ok(cluster.names.includes(`${kind} ${namespace}/mine`));
    assert.ok(cluster.names.includes(`Namespace ${namespace}`));
    assert.ok(!cluster.names.includes('NetExporter net-exporter-demo/demo'));
  }
});

test('an object that takes the place of ours between the look at it and its deletion stays', async () => {
  addDemo();
  const name = 'NetExporter net-exporter-demo/demo';
  cluster.beforeDeletion = (deleted) => {
    if (deleted === name) cluster.add(netExporterObject());
  };
  await assert.rejects(removal.removeNetExporter(), /Conflict/);
  assert.ok(cluster.names.includes(name));
});

test('nothing to remove is no error', async () => {
  await removeAll();
  assert.deepEqual(cluster.deleted, []);
});
