import { NetExporterSpecSchema } from '../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../src/crd/schema-node.ts';

/** A spec that sets a single field, such as `{dns: {hosts: []}}` for `dns.hosts`. */
export interface PartialSpec {
  /** The field; in the items of a list `list[].field`. */
  path: string;
  spec: object;
}

const root = NetExporterSpecSchema as unknown as SchemaNode;

/**
 * One spec for each field of the contract, at every level and in list items too, set to the field's default or to an
 * example of its type. Each satisfies the schema; those of fields within list items may break a CEL rule.
 */
export function partialSpecs(): PartialSpec[] {
  return below(root, '', (value) => value as object);
}

/** The spec that the API server makes of `spec`: absent fields and nulls become the default, if there is one. */
export function withSchemaDefaults(spec: unknown, node: SchemaNode = root): unknown {
  if (spec === undefined || spec === null) return structuredClone(node.default);
  if (!node.properties) return spec;
  const fields = Object.entries(node.properties).map(([name, field]) => [
    name,
    withSchemaDefaults((spec as Record<string, unknown>)[name], field),
  ]);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

function below(node: SchemaNode, path: string, wrap: (value: unknown) => object): PartialSpec[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    const wrapField = (value: unknown) => wrap({ [name]: value });
    return [
      { path: fieldPath, spec: wrapField(example(field)) },
      ...below(field, fieldPath, wrapField),
      ...(field.items
        ? below(field.items, `${fieldPath}[]`, (value) => wrapField([completed(value, field.items!)]))
        : []),
    ];
  });
}

/** An item of a list with an example of each field that it must have. */
function completed(item: unknown, { required = [], properties = {} }: SchemaNode): unknown {
  return { ...Object.fromEntries(required.map((name) => [name, example(properties[name]!)])), ...(item as object) };
}

/** The default, or else a value of the field's type. */
function example(node: SchemaNode): unknown {
  if (node.default !== undefined) return structuredClone(node.default);
  if (node.enum) return node.enum[0];
  if (node.additionalProperties) return { example: example(node.additionalProperties) };
  if (node['x-kubernetes-int-or-string']) return 1;
  const examples: Record<string, unknown> = { string: 'example', integer: node.minimum ?? 1, boolean: true, array: [] };
  return examples[node.type!] ?? {};
}
