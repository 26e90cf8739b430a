const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** The API server adds `action: replace` to each relabeling. */
const relabeling = { ...open, properties: { action: { type: 'string', default: 'replace' } } };
const relabelings = { type: 'array', items: relabeling };
const endpoint = { ...open, properties: { relabelings, metricRelabelings: relabelings } };

/**
 * The Prometheus operator's definition, as far as a NetExporter is concerned, with the one default among the fields
 * that are declared: this API server serves it for real.
 */
export const podMonitorDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'podmonitors.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind: 'PodMonitor', listKind: 'PodMonitorList', plural: 'podmonitors', singular: 'podmonitor' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { ...open, properties: { podMetricsEndpoints: { type: 'array', items: endpoint } } } },
          },
        },
      },
    ],
  },
};

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };

/**
 * The same of PrometheusRule, whose fields are those of the Prometheus operator 0.82: the API server drops others.
 * @param keepsFiring whether alerts have the field `keep_firing_for`, which definitions before that of 2023 lack
 */
export function prometheusRuleDefinition({ keepsFiring }: { keepsFiring: boolean }) {
  const rule = {
    type: 'object',
    required: ['expr'],
    properties: {
      ...{ alert: text, record: text, for: text, labels: texts, annotations: texts },
      expr: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
      ...(keepsFiring && { keep_firing_for: { ...text, minLength: 1 } }),
    },
  };
  const group = {
    type: 'object',
    required: ['name'],
    properties: {
      ...{ name: { ...text, minLength: 1 }, interval: text, query_offset: text, partial_response_strategy: text },
      ...{ labels: texts, limit: { type: 'integer' }, rules: { type: 'array', items: rule } },
    },
  };
  const groups = {
    ...{ type: 'array', items: group, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
  };
  return {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: { name: 'prometheusrules.monitoring.coreos.com' },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: {
        ...{ kind: 'PrometheusRule', listKind: 'PrometheusRuleList' },
        ...{ plural: 'prometheusrules', singular: 'prometheusrule' },
      },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: { ...open, properties: { groups } } } } },
        },
      ],
    },
  };
}
