import type { MetricGroup } from './metric.ts';

/** The HTTP server for metrics and health; of agent and operator alike. */
export const httpMetrics = {
  refused: {
    name: 'net_exporter_http_refused_total',
    type: 'counter',
    help: 'Connections and requests that the HTTP server refused or closed, by reason.',
    labels: {
      reason: {
        help: 'Reason for refusing or closing.',
        values: {
          address: 'the client’s address had as many connections as it may, all in use',
          limit: 'too many connections in all, or no free file descriptor',
          idle: 'the connection that had been idle longest was closed to make room for a new one',
          pipelined: 'a request came before the previous one on its connection was answered',
          unread: 'the client had not read its metrics when later ones needed the memory',
          timeout: 'the request did not arrive, or the response was not read, in time',
          malformed: 'not HTTP, or headers too large',
        },
      },
    },
    notes: 'The limits are in [network-policies.md](network-policies.md#listeners-and-their-limits).',
  },
} as const satisfies MetricGroup;
