import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { parseAllDocuments } from 'yaml';
import { apiVersion, kind } from '../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { brokenResources } from '../../e2e/broken-resources.ts';
import { partialSpecs } from '../../e2e/partial-specs.ts';
import { schemaFields } from './schema-fields.ts';

type Definition = { spec: { versions: [{ schema: { openAPIV3Schema: SchemaNode } }] } };

const manifests = join(import.meta.dirname, '../../../manifests');
const [written] = documents('crd.yaml') as [Definition];
const schema = written.spec.versions[0].schema.openAPIV3Schema;

function documents(path: string): unknown[] {
  return parseAllDocuments(readFileSync(join(manifests, path), 'utf8')).map((document) => document.toJS());
}

/** What editors and kubeconform do: JSON Schema alone, without defaults and without CEL. */
const isValid = (resource: unknown, by = schema): boolean => Check(by as TSchema, resource);
const resource = (spec: unknown) => ({
  apiVersion,
  kind,
  metadata: { name: 'default', namespace: 'monitoring' },
  spec,
});

test('a validator that sets no defaults accepts every sample', () => {
  const samples = readdirSync(join(manifests, 'samples')).flatMap((file) => documents(`samples/${file}`));
  const netExporters = samples.filter((document) => (document as { kind: string }).kind === kind);
  assert.ok(netExporters.length >= 3);
  for (const sample of netExporters) assert.ok(isValid(sample), JSON.stringify(sample));
});

test('a validator that sets no defaults accepts an empty spec, none at all, and each field by itself', () => {
  assert.ok(isValid(resource({})));
  const { spec: _, ...withoutSpec } = resource({});
  assert.ok(isValid(withoutSpec));
  for (const { path, spec: partial } of partialSpecs()) assert.ok(isValid(resource(partial)), path);
});

test('there is a partial spec for each field', () => {
  const fields = schemaFields(schema.properties!.spec!).map(({ path }) => path);
  assert.deepEqual(
    new Set(partialSpecs().map(({ path }) => path)),
    new Set(fields.filter((path) => path !== '' && !path.endsWith('[]') && !path.endsWith('*'))),
  );
});

test('a schema that requires a field with a default refuses the partial specs, so that these tests would notice it', () => {
  for (const { path, node } of schemaFields(schema.properties!.spec!)) {
    const names = Object.keys(node.properties ?? {}).filter((name) => node.properties![name]!.default !== undefined);
    for (const name of names) {
      const strict = structuredClone(schema);
      const copy = schemaFields(strict.properties!.spec!).find((field) => field.path === path)!.node;
      copy.required = [...(copy.required ?? []), name];
      assert.ok(
        partialSpecs().some(({ spec }) => !isValid(resource(spec), strict)),
        `${path}: ${name}`,
      );
    }
  }
});

test('only fields without a default are required', () => {
  const required = schemaFields(schema).flatMap(({ path, node }) =>
    (node.required ?? []).map((name) => [path, name].filter((part) => part !== '').join('.')),
  );
  assert.deepEqual(required, [
    'apiVersion',
    'kind',
    'metadata',
    'spec.agent.imagePullSecrets[].name',
    'spec.monitoring.scrape.metricRelabelings[].action',
    'spec.monitoring.scrape.metricRelabelings[].regex',
    'status.agents.desired',
    'status.agents.ready',
    'status.agents.summary',
    'status.conditions[].type',
    'status.conditions[].status',
    'status.conditions[].lastTransitionTime',
    'status.conditions[].reason',
    'status.conditions[].message',
    'status.dns.servers',
    'status.dns.hosts',
    'status.dns.failing',
    'status.network.links',
    'status.network.failing',
    'status.suspects[].kind',
    'status.suspects[].name',
    'status.suspects[].reason',
    'status.suspects[].evidence',
    'status.suspects[].since',
  ]);
});

test('a validator that sets no defaults still refuses what the schema alone forbids: wrong types, unknown values, missing names, too many or too long', () => {
  const bySchema = /must be of type|Unsupported value|Required value|Too many|Too long|should be (greater|less)/;
  const broken = brokenResources.filter(({ message }) => bySchema.test(message.source));
  assert.ok(broken.length >= 15);
  for (const { title, spec } of broken) assert.ok(!isValid(resource(spec)), title);
});
