import type { MetricGroup } from './metric.ts';

/** The API of the operator. */
export const apiMetrics = {
  refused: {
    name: 'net_exporter_api_refused_total',
    type: 'counter',
    help: 'Requests that the API of the operator refused, by reason.',
    labels: {
      reason: {
        help: 'Reason for refusing.',
        values: {
          rate: 'the client’s address had sent too many requests',
          host: 'the Host of the request is not allowed',
          no_leader: 'no leader could be reached',
        },
      },
    },
    notes: 'Absent with `PAGE=false`. [The API](api.md#limits-and-access) has the limits.',
  },
} as const satisfies MetricGroup;
