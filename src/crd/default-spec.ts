import { type NetExporterSpec, NetExporterSpecSchema } from './net-exporter.ts';

/** What the API server makes of `spec: {}`: a new copy with each call. */
export function defaultSpec(): NetExporterSpec {
  return structuredClone(NetExporterSpecSchema.default) as NetExporterSpec;
}
