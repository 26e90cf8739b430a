import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultSpec, type NetExporter, NetExporterSpecSchema } from '../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { withDefaults } from '../../../src/crd/with-defaults.ts';
import { netExporter } from '../operator/net-exporter-builder.ts';

const withSpec = (spec: unknown) => ({ ...netExporter(), spec }) as NetExporter;

test('a spec that lacks fields, or has null in their place, gets their defaults', () => {
  for (const spec of [undefined, null, {}, { health: null }, { health: {}, dns: { service: {} } }])
    assert.deepEqual(withDefaults(withSpec(spec)), netExporter(), JSON.stringify(spec));
});

test('what is there stays, and nothing else is changed', () => {
  const resource = netExporter((spec) => {
    spec.dns.hosts = ['example.com.'];
    spec.health.window = '5m';
    spec.network.enabled = false;
  });
  resource.status = { observedGeneration: 2 };
  assert.deepEqual(withDefaults(structuredClone(resource)), resource);
  const { health: _, ...spec } = resource.spec;
  const lacking = { ...resource, spec } as NetExporter;
  const before = structuredClone(lacking);
  const { health, ...others } = withDefaults(lacking).spec;
  assert.deepEqual([others, health], [spec, defaultSpec().health]);
  assert.deepEqual(lacking, before, 'the resource that was given is as it was');
});

test('a field of a wrong type is left alone: it is for who reads it to refuse', () => {
  for (const spec of ['text', 4, [], { dns: 'text' }])
    assert.equal(
      JSON.stringify((withDefaults(withSpec(spec)).spec as { dns?: unknown })?.dns),
      JSON.stringify((spec as { dns?: unknown }).dns),
    );
});

test('whichever fields of whichever objects an older CRD has left out, the defaults are whole again', () => {
  const paths = fieldsOf(NetExporterSpecSchema as unknown as SchemaNode);
  assert.ok(paths.length > 30, `${paths.length} fields`);
  fc.assert(
    fc.property(fc.subarray(paths), (removed) => {
      const spec = defaultSpec();
      for (const path of removed) remove(spec, path);
      assert.deepEqual(withDefaults(withSpec(spec)), netExporter());
    }),
  );
});

/** The path of every field that has a default, those of objects before those of their fields. */
function fieldsOf({ properties = {} }: SchemaNode, prefix: string[] = []): string[][] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = [...prefix, name];
    return [...(field.default === undefined ? [] : [path]), ...fieldsOf(field, path)];
  });
}

function remove(object: object, [name, ...rest]: string[]): void {
  const fields = object as Record<string, unknown>;
  if (rest.length === 0) delete fields[name!];
  else if (fields[name!] !== undefined) remove(fields[name!] as object, rest);
}
