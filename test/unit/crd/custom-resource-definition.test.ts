import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customResourceDefinition } from '../../../src/crd/custom-resource-definition.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { brokenResources } from '../../e2e/broken-resources.ts';
import { schemaFields } from './schema-fields.ts';

interface Definition {
  metadata: { name: string };
  spec: {
    names: { shortNames: string[]; categories: string[] };
    versions: [
      {
        subresources: unknown;
        additionalPrinterColumns: { name: string; jsonPath: string; priority?: number }[];
        schema: { openAPIV3Schema: SchemaNode };
      },
    ];
  };
}

const definition = customResourceDefinition() as Definition;
const [version] = definition.spec.versions;
const root = version.schema.openAPIV3Schema;
const fields = schemaFields(root);
const specFields = fields.filter(({ path }) => path.startsWith('spec.'));

/**
 * Keywords that the API server refuses in a structural schema, or whose failure says nothing but a regular expression.
 */
const unwelcome = ['pattern', 'patternProperties', 'uniqueItems', 'exclusiveMinimum', 'exclusiveMaximum', 'examples'];

test('the definition is plain JSON and a new copy each time', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(definition)), definition);
  assert.notEqual(customResourceDefinition(), definition);
  assert.notEqual((customResourceDefinition() as Definition).spec.versions[0].schema.openAPIV3Schema, root);
  assert.deepEqual(customResourceDefinition(), definition);
});

test('the resource has its short name, its category and a status of its own', () => {
  assert.equal(definition.metadata.name, 'netexporters.net-exporter.dev');
  assert.deepEqual(definition.spec.names.shortNames, ['nx']);
  assert.deepEqual(definition.spec.names.categories, ['monitoring']);
  assert.deepEqual(version.subresources, { status: {} });
});

test('kubectl prints only columns whose fields exist', () => {
  assert.deepEqual(
    version.additionalPrinterColumns.map(({ name }) => name),
    ['READY', 'AGENTS', 'DNS', 'NETWORK', 'SUSPECTS', 'AGE', 'LINKS', 'P99', 'MESSAGE'],
  );
  const wide = version.additionalPrinterColumns.filter(({ priority }) => priority === 1);
  assert.deepEqual(
    wide.map(({ name }) => name),
    ['LINKS', 'P99', 'MESSAGE'],
  );
  const paths = new Set(fields.map(({ path }) => `.${path}`));
  for (const { jsonPath } of version.additionalPrinterColumns) {
    if (jsonPath.startsWith('.metadata.')) continue;
    assert.ok(paths.has(jsonPath.replace(/\[\?.*?\)\]/, '[]')), jsonPath);
  }
});

test('the schema holds no keyword that the API server refuses or answers with a regular expression', () => {
  for (const { path, node } of fields) {
    for (const keyword of unwelcome) assert.ok(!(keyword in node), `${path}: ${keyword}`);
    assert.ok(node.type !== undefined || node['x-kubernetes-int-or-string'], `${path} has no type`);
    assert.ok(typeof (node as { additionalProperties?: unknown }).additionalProperties !== 'boolean', path);
  }
});

test('every string, list and map of the spec is bounded, for the sake of the CEL budget', () => {
  for (const { path, node } of specFields) {
    if (node['x-kubernetes-int-or-string'] || (node.type === 'string' && !node.enum))
      assert.ok(node.maxLength, `${path} has no maxLength`);
    if (node.type === 'array') assert.ok(node.maxItems, `${path} has no maxItems`);
    if (node.additionalProperties) assert.ok(node.maxProperties, `${path} has no maxProperties`);
  }
});

test('every string, list and number of the status is bounded, so that its size is', () => {
  for (const { path, node } of fields.filter(({ path }) => path.startsWith('status.'))) {
    if (node.type === 'string' && !node.enum && node.format === undefined)
      assert.ok(node.maxLength, `${path} has no maxLength`);
    if (node.type === 'array') assert.ok(node.maxItems, `${path} has no maxItems`);
    if (node.type === 'integer') assert.equal(node.minimum, 0, path);
  }
});

test('every list says how it is merged', () => {
  for (const { path, node } of fields)
    if (node.type === 'array') assert.ok(node['x-kubernetes-list-type'], `${path} has no list type`);
});

test('every rule says what to write, in one line', () => {
  const rules = fields.flatMap(({ node }) => node['x-kubernetes-validations'] ?? []);
  assert.ok(rules.length >= 20);
  for (const { rule, message } of rules) {
    assert.match(message, /\bmust\b/, rule);
    assert.doesNotMatch(message + rule, /\n/, rule);
    assert.ok(message.length <= 2048, rule);
  }
});

test('every field of spec and status is described in whole sentences', () => {
  for (const { path, node } of fields.filter(({ path }) => /^(spec|status)\b/.test(path)))
    if (!path.endsWith('[]') && !path.endsWith('.*')) assert.match(node.description ?? '', /^[A-Z].*\.$/, path);
});

test('every constrained field of the spec has a broken resource that names it', () => {
  // `hosts[]` may be named with any index, a field within an item with the first.
  const named = brokenResources.map(({ message }) => message.source.replaceAll('\\', '')).join('\n');
  const constrained = specFields.filter(
    ({ node }) => node.enum || node.minimum !== undefined || node['x-kubernetes-validations'] || node.items,
  );
  assert.ok(constrained.length >= 25);
  for (const { path, node } of constrained) {
    const names = (node['x-kubernetes-validations'] ?? [{}]).map(({ fieldPath = '' }: { fieldPath?: string }) =>
      (path + fieldPath).replace(/\[\]$/, '[').replaceAll('[]', '[0]'),
    );
    for (const name of names) assert.ok(named.includes(name), `no broken resource is about ${name}`);
  }
});

test('the limits of what an agent probes are no obstacle for a write that leaves the probes as they are', () => {
  const rules = fields.flatMap(({ node }) => node['x-kubernetes-validations'] ?? []);
  const limits = rules.filter(({ message }) => /per agent|packets per second/.test(message));
  assert.equal(limits.length, 3);
  for (const { rule, optionalOldSelf } of limits) {
    assert.match(rule, /^\(oldSelf\.hasValue\(\) && .*oldSelf\.value\(\)[^|]* == self[^|]*\) \|\| /);
    assert.equal(optionalOldSelf, true);
  }
});

test('no two broken resources are the same', () => {
  assert.equal(new Set(brokenResources.map(({ title }) => title)).size, brokenResources.length);
  const objects = brokenResources.map(({ spec, metadata }) => JSON.stringify({ spec, metadata }));
  assert.equal(new Set(objects).size, objects.length);
});
