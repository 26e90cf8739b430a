import type { MetricGroup } from './metric.ts';

const reconcileSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Powers of ten from 10 ns to 1000 s, as in client-go: ExponentialBuckets(10e-9, 10, 12). */
const queueSeconds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];

const controllers = {
  netexporter: 'reconciles NetExporters',
  'netexporter-plan': 'plans which agent probes which targets',
  'netexporter-figures': 'compares the numbers in the status with what agents report',
  'netexporter-judge': 'judges what is at fault, every 5 s',
} as const;
const controller = { controller: { help: 'Name of the controller.', values: controllers } } as const;
const queue = { name: { help: 'Name of the controller that the queue belongs to.', values: controllers } } as const;

/** Controllers and their work queues, under the names of controller-runtime and client-go. */
export const controllerMetrics = {
  reconciles: {
    name: 'controller_runtime_reconcile_total',
    type: 'counter',
    help: 'Reconciliations by controller and result.',
    labels: {
      ...controller,
      result: {
        help: 'Result of the reconciliation.',
        values: {
          success: 'done until something changes',
          requeue_after: 'done for now; runs again after a while',
          error: 'failed; runs again with back-off',
        },
      },
    },
  },
  errors: {
    name: 'controller_runtime_reconcile_errors_total',
    type: 'counter',
    help: 'Failed reconciliations by controller.',
    labels: controller,
  },
  panics: {
    name: 'controller_runtime_reconcile_panics_total',
    type: 'counter',
    help: 'Reconciliations that failed because of a bug, by controller.',
    labels: controller,
    notes: 'They count as errors too. A failure affects one NetExporter only; the operator’s log has the stack.',
  },
  time: {
    name: 'controller_runtime_reconcile_time_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Duration of reconciliations in seconds.',
    labels: controller,
    edges: reconcileSeconds,
  },
  active: {
    name: 'controller_runtime_active_workers',
    type: 'gauge',
    help: 'Number of workers that are reconciling.',
    labels: controller,
  },
  depth: {
    name: 'workqueue_depth',
    type: 'gauge',
    help: 'Number of keys that wait for a worker.',
    labels: queue,
  },
  adds: {
    name: 'workqueue_adds_total',
    type: 'counter',
    help: 'Keys added to the work queue.',
    labels: queue,
  },
  retries: {
    name: 'workqueue_retries_total',
    type: 'counter',
    help: 'Keys requeued after a failure.',
    labels: queue,
  },
  queueTime: {
    name: 'workqueue_queue_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that keys wait for a worker in seconds.',
    labels: queue,
    edges: queueSeconds,
  },
  workTime: {
    name: 'workqueue_work_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that workers take to process a key in seconds.',
    labels: queue,
    edges: queueSeconds,
  },
  unfinished: {
    name: 'workqueue_unfinished_work_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Total time spent so far on the keys being processed in seconds.',
    labels: queue,
    notes: 'A steady rise shows workers that are stuck.',
  },
  longestRunning: {
    name: 'workqueue_longest_running_processor_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest time spent so far on a key being processed in seconds.',
    labels: queue,
  },
} as const satisfies MetricGroup;

/** Objects that the operator watches. */
export const watchMetrics = {
  errors: {
    name: 'net_exporter_operator_watch_errors_total',
    type: 'counter',
    help: 'Objects from watches that the operator could not process, by resource.',
    labels: { resource: { help: 'Plural name of the resource.' } },
    notes:
      'Other objects are processed. An object that cannot be read stays as it was last read, or is left out, until it ' +
      'changes. The operator reconciles everything five seconds later; its log has the error.',
  },
} as const satisfies MetricGroup;

/** Leader election, under the name of client-go. */
export const leaderMetrics = {
  status: {
    name: 'leader_election_master_status',
    type: 'gauge',
    help: 'Whether this operator holds the Lease: 1 or 0.',
    labels: { name: { help: 'Name of the Lease.' } },
  },
} as const satisfies MetricGroup;

const host = { help: 'API server, as `host:port`.' } as const;
const methods = {
  GET: 'reads, lists and watches',
  POST: 'creates',
  PATCH: 'applies and patches',
  DELETE: 'deletions',
} as const;
const request = { verb: { help: 'HTTP method of the request.', values: methods }, host } as const;

/** Requests to the API server, under the names of client-go. */
export const requestMetrics = {
  requests: {
    name: 'rest_client_requests_total',
    type: 'counter',
    help: 'Requests to the API server by HTTP status code.',
    labels: {
      code: { help: 'HTTP status code; `<error>` without an answer.' },
      method: { help: 'HTTP method of the request.', values: methods },
      host,
    },
  },
  time: {
    name: 'rest_client_request_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time until the API server begins to answer in seconds.',
    labels: request,
    edges: requestSeconds,
  },
  retries: {
    name: 'rest_client_request_retries_total',
    type: 'counter',
    help: 'Retried requests to the API server by HTTP status code of the answer before.',
    labels: { code: { help: 'HTTP status code of the answer that led to the retry.' }, ...request },
  },
  waits: {
    name: 'rest_client_rate_limiter_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that requests wait for the operator’s own rate limit in seconds.',
    labels: request,
    edges: requestSeconds,
  },
} as const satisfies MetricGroup;

/** The sync server, which agents call. */
export const syncServerMetrics = {
  requests: {
    name: 'net_exporter_operator_sync_requests_total',
    type: 'counter',
    help: 'Sync requests of agents by result.',
    labels: {
      result: {
        help: 'Result of the request.',
        values: {
          changed: 'answered with new settings or a new assignment',
          unchanged: 'answered without anything new',
          no_token: 'refused: no token',
          invalid_token: 'refused: the token is expired, of another cluster, or for another audience',
          not_an_agent:
            'refused: the token is valid, the pod is not a known agent. A few are normal while agents start: a pod may call before the operator’s watch has shown it',
          not_found: 'refused: not `POST /v1/sync`',
          too_large: 'refused: the body is larger than 256 KiB',
          invalid: 'refused: the body is not a sync request',
          rate_limited:
            'refused: more than two requests per second of one agent, after a burst of ten. It may retry after a second',
          superseded: 'refused: another request of the same agent came',
          unavailable:
            'refused: the operator does not lead, is stopping, does not know the API server’s keys, or failed to answer',
        },
      },
    },
    notes:
      'Healthy answers are `changed` and `unchanged`. For the agents’ view, see `net_exporter_sync_requests_total`.',
  },
  connectionErrors: {
    name: 'net_exporter_operator_sync_connection_errors_total',
    type: 'counter',
    help: 'Connections to the sync server that ended without a valid request, by reason.',
    labels: {
      reason: {
        help: 'Why the connection ended.',
        values: {
          handshake: 'no TLS handshake: another protocol or version, or none in time',
          malformed: 'not HTTP',
          timeout: 'the request did not arrive, or the answer was not read, in time',
          address:
            'too many unauthenticated connections of one address. Occurs when thousands of agents behind one address look for a new leader at once; they return within seconds',
          limit:
            'too many unauthenticated connections in all. Occurs when thousands of agents look for a new leader at once; they return within seconds',
          idle: 'unauthenticated and idle longest when a new connection needed its place',
        },
      },
    },
  },
  connections: {
    name: 'net_exporter_operator_sync_connections',
    type: 'gauge',
    help: 'Number of open connections to the sync server.',
    labels: {},
  },
  held: {
    name: 'net_exporter_operator_sync_held_requests',
    type: 'gauge',
    help: 'Number of sync requests that wait for something new.',
    labels: {},
  },
  certificateEnd: {
    name: 'net_exporter_operator_sync_certificate_expiration_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Expiration time of the sync server’s certificates in seconds since the Unix epoch.',
    labels: {
      certificate: {
        help: 'Kind of certificate.',
        values: { authority: 'the authority that agents trust', serving: 'the certificate shown to agents' },
      },
    },
    notes: 'Certificates are renewed after two thirds of their life. Absent while there are none.',
  },
} as const satisfies MetricGroup;

/** The operator's runtime, under the name of prom-client's default metrics. */
export const runtimeMetrics = {
  eventLoopLag: {
    name: 'nodejs_eventloop_lag_max_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest event loop delay within the last one to two minutes in seconds.',
    labels: {},
    notes: 'Delays below 50 ms may be missed. All requests, agents’ and the API server’s answers wait that long.',
  },
} as const satisfies MetricGroup;
