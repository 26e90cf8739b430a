import type { MetricGroup } from './metric.ts';

/** Maximum number of NetExporters with series of their own: the oldest ones. */
export const maxExposedResources = 1000;

/** Labels of all metrics about one NetExporter. */
export const resourceLabels = {
  namespace: { help: 'Namespace of the NetExporter.' },
  netexporter: { help: 'Name of the NetExporter.' },
} as const;

/** What the statuses of NetExporters say. */
export const resourceMetrics = {
  agents: {
    name: 'net_exporter_agents',
    type: 'gauge',
    help: 'Number of agents of a NetExporter by state.',
    labels: {
      ...resourceLabels,
      state: {
        help: 'State of the agents, as in `status.agents`. An agent counts for each state that it is in.',
        values: {
          desired: 'nodes that should run an agent',
          ready: 'ready',
          configured: 'have the newest settings and targets, by the status; absent while unknown',
          reporting: 'have called the operator in the last 45 seconds, by the status; absent while unknown',
        },
      },
    },
  },
  condition: {
    name: 'net_exporter_resource_condition',
    type: 'gauge',
    help: 'Whether a condition of a NetExporter has a status: 1 or 0.',
    labels: {
      ...resourceLabels,
      type: {
        help: 'Type of the condition.',
        values: {
          Ready: 'every agent runs as specified',
          Reconciling: 'a change is being rolled out',
          Stalled: 'the operator is blocked and needs help',
          ConfigPropagated: 'every agent has the newest settings and targets',
          DNSHealthy: 'no DNS server and no name of the cluster is a suspect',
          NetworkHealthy: 'no node, link, Service path or zone is a suspect',
        },
      },
      status: {
        help: 'Status of the condition.',
        values: { True: 'it holds', False: 'it does not', Unknown: 'the operator does not know' },
      },
    },
  },
  generation: {
    name: 'net_exporter_generation',
    type: 'gauge',
    help: 'Generation of the spec of a NetExporter.',
    labels: resourceLabels,
  },
  observedGeneration: {
    name: 'net_exporter_observed_generation',
    type: 'gauge',
    help: 'Generation of the spec that the status of a NetExporter is about.',
    labels: resourceLabels,
  },
  leftOut: {
    name: 'net_exporter_resources_left_out',
    type: 'gauge',
    help: 'Number of NetExporters without series of their own.',
    labels: {},
    notes: `The ${maxExposedResources} oldest NetExporters have series.`,
  },
} as const satisfies MetricGroup;
