import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { parseAllDocuments } from 'yaml';
import { dashboardFiles } from '../../../charts/dashboards/dashboard-files.ts';
import { generatedFiles } from '../../../charts/generated-files.ts';
import { definition } from '../../../charts/install/custom-resource-definition.ts';
import { installation } from '../../../charts/install/install.ts';
import { outdatedFiles, writeFiles } from '../../../charts/written-files.ts';
import { customResourceDefinition } from '../../../src/crd/custom-resource-definition.ts';
import { defaultSpec, NetExporterSpecSchema } from '../../../src/crd/net-exporter.ts';
import { ownedDirectory } from '../../cluster/owned-name.ts';

const root = join(import.meta.dirname, '../../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const files = generatedFiles(version, dashboardFiles());

function documents(path: string): unknown[] {
  return parseAllDocuments(files.get(path) ?? '').map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

test('the committed manifests and reference are what the charts say', () => {
  assert.deepEqual(outdatedFiles(root, 'manifests', files), []);
});

test('YAML loses nothing of the objects: not an empty default, not a number that is a string', () => {
  assert.deepEqual(documents('manifests/crd.yaml'), JSON.parse(JSON.stringify(definition())));
  assert.deepEqual(documents('manifests/crd.yaml')[0], JSON.parse(JSON.stringify(customResourceDefinition())));
  assert.deepEqual(documents('manifests/install.yaml'), JSON.parse(JSON.stringify(installation(version))));
});

test('the default sample asks for a name within the cluster and one outside', () => {
  assert.deepEqual(documents('manifests/samples/default.yaml'), [
    {
      apiVersion: 'net-exporter.dev/v1alpha1',
      kind: 'NetExporter',
      metadata: { name: 'default', namespace: 'monitoring' },
      spec: { dns: { hosts: ['kubernetes.default.svc.cluster.local.', 'example.com.'] } },
    },
  ]);
});

test('no sample of a NetExporter brings its namespace, which would be deleted with it', () => {
  for (const [path] of files)
    if (path.startsWith('manifests/samples/') && path !== 'manifests/samples/namespace.yaml')
      assert.deepEqual(
        (documents(path) as { kind: string }[]).map(({ kind }) => kind),
        ['NetExporter'],
        path,
      );
});

test('every sample of a NetExporter is one: it names only fields that there are, with values that they take', () => {
  const withDefaults = (initial: object, given: object): object => {
    const fields = Object.entries(given).map(([name, value]) => {
      assert.ok(name in initial, name);
      const field = (initial as Record<string, unknown>)[name];
      const isObject = typeof field === 'object' && field !== null && !Array.isArray(field);
      return [name, isObject ? withDefaults(field, value as object) : value];
    });
    return { ...initial, ...Object.fromEntries(fields) };
  };
  for (const [path] of files)
    if (path.startsWith('manifests/samples/') && path !== 'manifests/samples/namespace.yaml')
      for (const { spec } of documents(path) as { spec: object }[])
        assert.ok(Check(NetExporterSpecSchema, withDefaults(defaultSpec(), spec)), path);
});

test('the kustomization names files that are there', () => {
  const [kustomization] = documents('manifests/kustomization.yaml') as [{ resources: string[] }];
  for (const resource of kustomization.resources) assert.ok(files.has(`manifests/${resource}`), resource);
});

const generated = new Map([
  ['out/a.yaml', 'a'],
  ['out/deep/b.yaml', 'b'],
  ['docs/c.md', 'c'],
]);

test('a check names what is missing, what differs and what is there without being generated, and changes nothing', () => {
  inDirectory({ 'out/a.yaml': 'other', 'out/stray.yaml': 's', 'docs/hand-written.md': 'h' }, (directory) => {
    for (let round = 0; round < 2; round++)
      assert.deepEqual(outdatedFiles(directory, 'out', generated), [
        'docs/c.md',
        'out/a.yaml',
        'out/deep/b.yaml',
        'out/stray.yaml',
      ]);
    assert.equal(readFileSync(join(directory, 'out/a.yaml'), 'utf8'), 'other');
  });
});

test('writing mends all of that, tells what it changed and leaves hand-written files beside it alone', () => {
  inDirectory({ 'out/a.yaml': 'a', 'out/stray.yaml': 's', 'docs/hand-written.md': 'h' }, (directory) => {
    assert.deepEqual(writeFiles(directory, 'out', generated), ['docs/c.md', 'out/deep/b.yaml', 'out/stray.yaml']);
    assert.deepEqual(outdatedFiles(directory, 'out', generated), []);
    assert.deepEqual(writeFiles(directory, 'out', generated), []);
    assert.equal(readFileSync(join(directory, 'docs/hand-written.md'), 'utf8'), 'h');
  });
});

function inDirectory(content: Record<string, string>, work: (directory: string) => void): void {
  const directory = ownedDirectory('charts');
  try {
    for (const [path, text] of Object.entries(content)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
