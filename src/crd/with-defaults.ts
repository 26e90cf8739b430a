import { type NetExporter, NetExporterSchema } from './net-exporter.ts';
import type { SchemaNode } from './schema-node.ts';

/**
 * The resource with the default of every field that it lacks. An API server with an older CRD neither keeps nor
 * defaults the fields that are new. The rules are those of Kubernetes: an absent field and null get the default, and
 * every object that is there gets the defaults of its own fields.
 * @returns another object where something was lacking; `resource` is never changed
 */
export function withDefaults(resource: NetExporter): NetExporter {
  return defaulted(resource, NetExporterSchema as unknown as SchemaNode) as NetExporter;
}

function defaulted(value: unknown, schema: SchemaNode): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? value.map((item) => defaulted(item, items)) : value;
  }
  const result: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const isAbsent = result[name] === undefined || result[name] === null;
    if (isAbsent && field.default !== undefined) result[name] = structuredClone(field.default);
    else if (!isAbsent) result[name] = defaulted(result[name], field);
  }
  return result;
}
