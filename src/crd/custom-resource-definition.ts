import { group, kind, NetExporterSchema, plural, version } from './net-exporter.ts';
import type { SchemaNode } from './schema-node.ts';

/**
 * The CustomResourceDefinition as plain JSON, a new copy with each call: names, the one version with its schema
 * (defaults and rules included), the status subresource and what `kubectl get` prints.
 */
export function customResourceDefinition(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: ['nx'],
        categories: ['monitoring'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            {
              name: 'READY',
              type: 'string',
              description: 'Status of the Ready condition.',
              jsonPath: '.status.conditions[?(@.type=="Ready")].status',
            },
            {
              name: 'AGENTS',
              type: 'string',
              description: 'Ready and desired agents, in the form ready/desired.',
              jsonPath: '.status.agents.summary',
            },
            {
              name: 'DNS',
              type: 'string',
              description: 'Status of the DNSHealthy condition.',
              jsonPath: '.status.conditions[?(@.type=="DNSHealthy")].status',
            },
            {
              name: 'NETWORK',
              type: 'string',
              description: 'Status of the NetworkHealthy condition.',
              jsonPath: '.status.conditions[?(@.type=="NetworkHealthy")].status',
            },
            {
              name: 'SUSPECTS',
              type: 'string',
              description: 'The worst suspect and the number of the others.',
              jsonPath: '.status.suspectSummary',
            },
            { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
            {
              name: 'LINKS',
              type: 'integer',
              description: 'Number of links: pairs of an agent and a peer that it probes.',
              jsonPath: '.status.network.links',
              priority: 1,
            },
            {
              name: 'P99',
              type: 'string',
              description: 'The 99th percentile of the round-trip time between agents.',
              jsonPath: '.status.network.p99',
              priority: 1,
            },
            {
              name: 'MESSAGE',
              type: 'string',
              description: 'Message of the Ready condition.',
              jsonPath: '.status.conditions[?(@.type=="Ready")].message',
              priority: 1,
            },
          ],
          // TypeBox adds properties of its own to a schema; the round trip through JSON drops them.
          schema: { openAPIV3Schema: withoutDefaultedRequired(JSON.parse(JSON.stringify(NetExporterSchema))) },
        },
      ],
    },
  };
}

/**
 * Removes fields with a default from `required`, at every level. The API server sets defaults before it validates, but
 * kubectl explain, editors and kubeconform do not: to them, a required field must be set. The TypeScript types keep
 * these fields non-optional, because stored objects have them.
 */
function withoutDefaultedRequired(node: SchemaNode): SchemaNode {
  const { required, properties, items, additionalProperties, ...rest } = node;
  const stillRequired = required?.filter((name) => properties?.[name]?.default === undefined) ?? [];
  return {
    ...rest,
    ...(stillRequired.length > 0 && { required: stillRequired }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, withoutDefaultedRequired(property)]),
      ),
    }),
    ...(items && { items: withoutDefaultedRequired(items) }),
    ...(additionalProperties && { additionalProperties: withoutDefaultedRequired(additionalProperties) }),
  };
}
