import type { MetricGroup } from './metric.ts';

/** What becomes of the Events that the operator writes. */
export const eventMetrics = {
  dropped: {
    name: 'net_exporter_operator_events_dropped_total',
    type: 'counter',
    help: 'Events about NetExporters that were not written on their own, by reason.',
    labels: {
      reason: {
        help: 'Why the Event was not written.',
        values: {
          aggregated:
            'too many Events about one NetExporter (25, or 10 with one reason, then one of each type in 5 minutes), or too many pending writes: a later Event of the NetExporter counts it by its reason',
          overflow: 'Events about more than 256 NetExporters waited to be aggregated',
          failed: 'the API server rejected the Event, or did not accept it within about 10 minutes',
          not_leader: 'the operator lost the Lease before it wrote the Event',
        },
      },
    },
  },
} as const satisfies MetricGroup;
