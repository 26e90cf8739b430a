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
