import { defaultSpec, type NetExporter, type NetExporterSpec } from '../../../src/crd/net-exporter.ts';

/** A NetExporter as the API server gives it, with the spec's defaults unless `change` says otherwise. */
export function netExporter(change: (spec: NetExporterSpec) => void = () => {}, name = 'default'): NetExporter {
  const spec = defaultSpec();
  change(spec);
  return {
    apiVersion: 'net-exporter.dev/v1alpha1',
    kind: 'NetExporter',
    metadata: {
      name,
      namespace: 'monitoring',
      uid: 'a0000000-0000-4000-8000-000000000001',
      resourceVersion: '10',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec,
  };
}
