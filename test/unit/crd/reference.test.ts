import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { defaultSpec, NetExporterSchema } from '../../../src/crd/net-exporter.ts';
import { referenceMarkdown } from '../../../src/crd/reference.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { schemaFields } from './schema-fields.ts';

const markdown = referenceMarkdown();
const sections = new Map(
  markdown
    .split('\n## ')
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);
const fields = schemaFields(NetExporterSchema as unknown as SchemaNode).filter(
  ({ path }) => /^(spec\.\w+|status)\./.test(path) && !path.endsWith('[]') && !path.endsWith('.*'),
);

/** The cells of the row of a field such as `spec.dns.hosts` or `status.agents.ready`. */
function cells(path: string): string[] {
  const [, section, field] = /^(spec\.\w+|status)\.(.*)$/.exec(path) ?? assert.fail(path);
  const row = sections
    .get(section!)
    ?.split('\n')
    .find((line) => line.startsWith(`| \`${field}\` |`));
  return (row ?? assert.fail(`no row for ${path}`))
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

test('every field has one row of five cells with its description', () => {
  assert.ok(fields.length >= 35);
  for (const { path, node } of fields) {
    const row = cells(path);
    assert.equal(row.length, 5, path);
    assert.equal(row[4], (node.description ?? '').replaceAll('<', '&lt;'), path);
  }
});

test('defaults, or that there is none, are told', () => {
  assert.equal(cells('spec.dns.protocols')[2], '`["UDP","TCP"]`');
  assert.equal(cells('spec.agent.port')[2], '`8000`');
  assert.equal(cells('spec.agent.imagePullSecrets[].name')[2], 'required');
  assert.equal(cells('status.agents')[2], '');
});

test('types are told in words', () => {
  assert.equal(cells('spec.dns.hosts')[1], 'list of string');
  assert.equal(cells('spec.agent.tolerations')[1], 'list of objects');
  assert.equal(cells('spec.agent.podLabels')[1], 'map of string');
  assert.equal(cells('spec.agent.maxUnavailable')[1], 'integer or string');
  assert.equal(cells('spec.agent.resources.limits')[1], 'map of integer or string');
});

test('constraints are told: bounds, values, and the messages of the rules, also those of the parent about the field', () => {
  assert.match(cells('spec.network.peersPerAgent')[3]!, /^from 0 to 100$/);
  assert.match(cells('spec.monitoring.networkPolicy')[3]!, /^`Ingress` or `Strict` or `None`$/);
  assert.match(
    cells('spec.dns.hosts')[3]!,
    /^at most 64 entries; each once; each: at most 254 characters; each: must be a DNS name/,
  );
  assert.match(cells('spec.dns.timeout')[3]!, /must not exceed the interval; set a shorter timeout/);
  for (const { path, node } of fields)
    for (const { message, fieldPath } of node['x-kubernetes-validations'] ?? [])
      if (fieldPath === undefined) assert.ok(cells(path)[3]!.includes(message), `${path}: ${message}`);
});

test('the name’s rule is told', () => {
  assert.match(sections.get('metadata')!, /\| `name` \| string \|.*must have at most 40 lowercase letters/);
});

test('the example shows the whole default spec', () => {
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(markdown) ?? assert.fail('no example');
  assert.deepEqual(parse(yaml!).spec, defaultSpec());
});
