import { everyNetExporter, type RuleScope, scopeOf } from '../../../../../charts/monitoring/rules/scope.ts';
import { apiVersion, defaultSpec, kind, type NetExporter } from '../../../../../src/crd/net-exporter.ts';

/** The NetExporter of the tests. */
export const netExporter: NetExporter = {
  apiVersion,
  kind,
  metadata: {
    name: 'default',
    namespace: 'monitoring',
    uid: '1',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: defaultSpec(),
};

/** Its labels in alerts, and how descriptions name it. */
export const ofDefault = { namespace: 'monitoring', netexporter: 'default' };
export const theDefault = 'the NetExporter monitoring/default';

/** The rules of its PrometheusRule, and those of manifests/monitoring/rules.yaml. */
export const scopes: Record<string, RuleScope> = { one: scopeOf(netExporter), every: everyNetExporter() };
