import { group, kind, NetExporterSchema, plural, version } from './net-exporter.ts';

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
              description: 'Whether the agents run as the spec says.',
              jsonPath: '.status.conditions[?(@.type=="Ready")].status',
            },
            {
              name: 'AGENTS',
              type: 'string',
              description: 'Agents that are ready, of those desired.',
              jsonPath: '.status.agents.summary',
            },
            { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          // TypeBox keeps notes of its own on a schema; a round trip through JSON leaves the schema alone.
          schema: { openAPIV3Schema: JSON.parse(JSON.stringify(NetExporterSchema)) },
        },
      ],
    },
  };
}
