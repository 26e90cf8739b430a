import type { SchemaNode } from '../../../src/crd/schema-node.ts';

/** A field of the CRD's schema; list items are `path[]`, map values `path.*`. */
export interface SchemaField {
  path: string;
  node: SchemaNode;
}

/** Every node below `node`, itself first. */
export function schemaFields(node: SchemaNode, path = ''): SchemaField[] {
  const join = (name: string) => (path === '' ? name : `${path}.${name}`);
  return [
    { path, node },
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => schemaFields(child, join(name))),
    ...(node.items ? schemaFields(node.items, `${path}[]`) : []),
    ...(node.additionalProperties ? schemaFields(node.additionalProperties, join('*')) : []),
  ];
}
