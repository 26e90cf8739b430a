import { Check } from 'typebox/schema';
import { customResourceDefinition } from '../../../src/crd/custom-resource-definition.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';

interface Definition {
  spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] };
}

/** The schema of a NetExporter, as the CustomResourceDefinition has it. */
export const netExporterSchema = (customResourceDefinition() as Definition).spec.versions[0]!.schema.openAPIV3Schema;

const metadata: SchemaNode = { properties: { name: {}, namespace: {}, labels: {}, annotations: {} } };

/** What the structural schema says against a NetExporter; its CEL rules need an API server. */
export function problemsOf(netExporter: object): string[] {
  const known = { ...netExporterSchema, properties: { ...netExporterSchema.properties, metadata } };
  const isValid = Check(netExporterSchema, netExporter);
  return [...(isValid ? [] : ['does not match the schema']), ...unknownFields(netExporter, known)];
}

/** Fields that the API server would prune: `kubectl apply` refuses them. */
function unknownFields(value: unknown, node: SchemaNode, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => unknownFields(item, node.items ?? {}, `${path}[]`));
  if (typeof value !== 'object' || value === null || node['x-kubernetes-preserve-unknown-fields']) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const child = node.properties?.[name] ?? node.additionalProperties;
    return child ? unknownFields(field, child, `${path}.${name}`) : [`${path}.${name}`];
  });
}
