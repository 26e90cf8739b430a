import { stringify } from 'yaml';
import { apiVersion, defaultSpec, kind, NetExporterSchema } from './net-exporter.ts';
import type { SchemaNode } from './schema-node.ts';
import type { ValidationRule } from './validation-rule.ts';

/** The reference of the resource in Markdown: every field with its type, default, constraints and description. */
export function referenceMarkdown(): string {
  const root = NetExporterSchema as unknown as SchemaNode;
  const { spec, status } = root.properties!;
  const example = { apiVersion, kind, metadata: { name: 'default', namespace: 'monitoring' }, spec: defaultSpec() };
  return [
    `# ${kind} (${apiVersion})`,
    '<!-- Written by `npm run synth` from src/crd; change it there. -->',
    root.description!,
    'Every field of the spec has a default, which the API server sets in the stored object. It stores `spec: {}` as:',
    `\`\`\`yaml\n${stringify(example)}\`\`\``,
    `The spec as a whole: ${constraints(spec!).join('; ')}.`,
    '## metadata',
    table([row('name', { type: 'string' }, root['x-kubernetes-validations'] ?? [])]),
    ...Object.entries(spec!.properties!).map(([name, part]) => section(`spec.${name}`, part)),
    section('status', status!),
  ]
    .join('\n\n')
    .concat('\n');
}

function section(path: string, node: SchemaNode): string {
  return [`## ${path}`, node.description, table(fieldRows(node, ''))].join('\n\n');
}

function table(rows: string[]): string {
  return ['| field | type | default | constraints | description |', '|---|---|---|---|---|', ...rows].join('\n');
}

/** The rows of an object's fields, each followed by those of its own fields or items. */
function fieldRows(parent: SchemaNode, prefix: string): string[] {
  const rules = parent['x-kubernetes-validations'] ?? [];
  return Object.entries(parent.properties ?? {}).flatMap(([name, node]) => [
    row(
      prefix + name,
      node,
      rules.filter(({ fieldPath }) => fieldPath === `.${name}`),
      parent.required?.includes(name) && node.default === undefined,
    ),
    ...fieldRows(node, `${prefix}${name}.`),
    ...fieldRows(node.items ?? {}, `${prefix}${name}[].`),
  ]);
}

function row(path: string, node: SchemaNode, rulesOfParent: ValidationRule[], required = false): string {
  const initial = node.default === undefined ? (required ? 'required' : '') : code(JSON.stringify(node.default));
  const cells = [
    code(path),
    typeName(node),
    initial,
    [...constraints(node), ...rulesOfParent.map(({ message }) => message)].join('; '),
    node.description ?? '',
  ];
  return `| ${cells.map(escaped).join(' | ')} |`;
}

function typeName(node: SchemaNode): string {
  if (node['x-kubernetes-int-or-string']) return 'integer or string';
  if (node.items) return `list of ${node.items.enum || !node.items.properties ? typeName(node.items) : 'objects'}`;
  if (node.additionalProperties) return `map of ${typeName(node.additionalProperties)}`;
  return node.type!;
}

/** What a value must satisfy, in words: the schema's bounds and the messages of its rules. */
function constraints(node: SchemaNode): string[] {
  const found: string[] = [];
  if (node.enum) found.push(node.enum.map(code).join(' or '));
  if (node.minimum !== undefined)
    found.push(node.maximum === undefined ? `at least ${node.minimum}` : `from ${node.minimum} to ${node.maximum}`);
  if (node.minLength) found.push(`at least ${node.minLength} characters`);
  if (node.type === 'string' && node.maxLength !== undefined) found.push(`at most ${node.maxLength} characters`);
  if (node.format === 'date-time') found.push('RFC 3339');
  if (node.maxItems !== undefined) found.push(`at most ${node.maxItems} entries`);
  if (node['x-kubernetes-list-type'] === 'set') found.push('each once');
  if (node['x-kubernetes-list-map-keys']) found.push(`each ${node['x-kubernetes-list-map-keys'].join(' and ')} once`);
  if (node.maxProperties !== undefined) found.push(`at most ${node.maxProperties} keys`);
  for (const { message, fieldPath } of node['x-kubernetes-validations'] ?? [])
    if (fieldPath === undefined) found.push(message);
  for (const inner of [node.items, node.additionalProperties])
    if (inner) found.push(...constraints(inner).map((constraint) => `each: ${constraint}`));
  if (node['x-kubernetes-preserve-unknown-fields'])
    found.push('all fields that the Kubernetes version of the cluster supports');
  return found;
}

/** Keeps a cell's text one cell, and its angle brackets from being taken for HTML. */
function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function code(text: string): string {
  return `\`${text}\``;
}
