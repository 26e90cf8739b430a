import { dwellBuckets } from './latency-buckets.ts';
import type { MetricGroup } from './metric.ts';

/** Where the agent's settings and peers come from, and its sync with the operator. */
export const settingsMetrics = {
  info: {
    name: 'net_exporter_agent_info',
    type: 'gauge',
    help: 'Node and zone of the agent; the value is always 1.',
    labels: {
      agent_node: { help: 'Node of the agent.' },
      agent_zone: {
        help: 'Zone of the node. Empty if the node has no label `topology.kubernetes.io/zone`, or the agent has no assignment.',
      },
    },
    notes: '[Join it](monitoring.md#nodes-and-zones) where Prometheus adds no label `zone`.',
  },
  generation: {
    name: 'net_exporter_settings_generation',
    type: 'gauge',
    help: 'Generation of the NetExporter whose settings are in effect; 0 without settings.',
    labels: {},
    notes: 'Compare it with `metadata.generation`.',
  },
  loaded: {
    name: 'net_exporter_settings_last_load_successful',
    type: 'gauge',
    help: 'Whether the last load of the mounted settings file succeeded: 1 or 0.',
    labels: {},
    notes: 'While it is 0, the agent keeps its previous settings. Its log names the invalid field.',
  },
  loadErrors: {
    name: 'net_exporter_settings_load_error_total',
    type: 'counter',
    help: 'Failed loads of the mounted settings file.',
    labels: {},
    notes: 'Counts once for each change of the file.',
  },
  revision: {
    name: 'net_exporter_assignment_revision',
    type: 'gauge',
    help: 'Revision of the assignment of peers that is in effect; 0 without an assignment.',
    labels: {},
    notes: 'Rises with each change, starting from the time in milliseconds since 1970 at which the leader started.',
  },
  source: {
    name: 'net_exporter_source_info',
    type: 'gauge',
    help: 'Source of the settings and of the peers; the value is always 1.',
    labels: {
      part: {
        help: 'What comes from the source.',
        values: { settings: 'the settings', peers: 'the peers and DNS pods to probe' },
      },
      source: {
        help: 'Where it comes from.',
        values: {
          sync: 'the operator',
          file: 'the mounted settings file',
          copy: 'the agent’s own copy of what it last used, after a restart',
          service: 'DNS lookups of the agents’ headless Service',
        },
      },
    },
  },
  syncAge: {
    name: 'net_exporter_sync_age_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time since the operator last answered, or was first asked, in seconds.',
    labels: {},
    notes:
      'At most about 15 s when all is well. 0 while the agent has no operator to ask, as when the operator runs outside the cluster.',
  },
  requests: {
    name: 'net_exporter_sync_requests_total',
    type: 'counter',
    help: 'Sync requests to the operator by result.',
    labels: {
      result: {
        help: 'Result of the request.',
        values: {
          ok: 'the operator answered',
          unreachable: 'no connection, or the connection was lost',
          untrusted: 'the server could not prove that it is the operator',
          timeout: 'no answer in time',
          unavailable: 'the operator does not lead, or is stopping (HTTP 503)',
          unauthorized: 'the operator does not accept the agent’s token (HTTP 401, 403)',
          invalid: 'the operator rejected the request as invalid or too large (HTTP 400, 413); its report is dropped',
          refused: 'any other HTTP error, such as 429 after too many requests',
          malformed: 'the answer could not be understood',
          credential: 'the agent has no token',
          fault: 'internal error of the agent',
        },
      },
    },
    notes: 'For the operator’s view, see `net_exporter_operator_sync_requests_total`.',
  },
  reportDrops: {
    name: 'net_exporter_report_targets_dropped_total',
    type: 'counter',
    help: 'Targets whose results were not reported to the operator, by reason.',
    labels: {
      reason: {
        help: 'Why the results were dropped.',
        values: {
          invalid: 'internal error of the agent: the results could not be encoded',
          rejected: 'the operator rejected the report, for example because it is of another version',
          removed: 'more than 500 targets were removed while the operator was unavailable',
        },
      },
    },
    notes: 'The metrics of the targets are not affected.',
  },
  lookupErrors: {
    name: 'net_exporter_peer_lookup_error_total',
    type: 'counter',
    help: 'Failed DNS lookups of the agents’ headless Service.',
    labels: {},
    notes: 'It is looked up only while no peers are assigned. After a failure, the agent keeps the peers it knows.',
  },
} as const satisfies MetricGroup;

/** The agent's schedule, clock and echo responder. */
export const scheduleMetrics = {
  lag: {
    name: 'net_exporter_scheduler_lag_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest delay of the probe schedule within the last one to two minutes in seconds.',
    labels: {},
    notes:
      'Turns that would be too late are skipped and not counted as failures. Delays in which nothing was due may be missed, or seem up to a second shorter.',
  },
  leftOut: {
    name: 'net_exporter_targets_left_out',
    type: 'gauge',
    help: 'Number of targets that are not probed because there are too many, by the limit that they exceed.',
    labels: {
      limit: {
        help: 'Limit that the targets exceed.',
        values: {
          lookups: '1,000 DNS targets',
          lookup_rate: '100 DNS lookups per second',
          packet_rate: '1,000 packets per second over all probes',
        },
      },
    },
    notes:
      'The API server refuses a spec that exceeds the limits, so this is 0 unless the spec is older than the limits.',
  },
  skipped: {
    name: 'net_exporter_turns_skipped_total',
    type: 'counter',
    help: 'Skipped turns of probes by reason.',
    labels: {
      reason: {
        help: 'Reason for skipping the turn.',
        values: {
          running: 'the previous turn was still running',
          late: 'the process was delayed, such as by a lack of CPU',
          version:
            'UDP echoes: the agent of the peer is of an older version; the turn’s losses are counted, its latencies are not',
        },
      },
    },
  },
  timing: {
    name: 'net_exporter_timing_info',
    type: 'gauge',
    help: 'Source of the timestamps that latencies are computed from; the value is always 1.',
    labels: {
      probe: { help: 'Kind of probe.', values: { dns: 'DNS', network: 'pod network', ntp: 'time servers' } },
      protocol: { help: 'Transport protocol of the probe.', values: { TCP: 'TCP', UDP: 'UDP' } },
      source: {
        help: 'Where the timestamps come from.',
        values: {
          kernel: 'the kernel (`TCP_INFO`, receive timestamps)',
          clock:
            'the clock of the process, which adds the agent’s own delays, where the kernel’s times are not available',
        },
      },
    },
    notes: 'Before the first latency, the source that was chosen at start.',
  },
  timingRefused: {
    name: 'net_exporter_timing_refused_total',
    type: 'counter',
    help: 'Impossible or imprecise times from the kernel or from a peer that were not used.',
    labels: {},
    notes:
      'Occurs when the system clock is set during a measurement, and when the kernel does not return TCP_INFO of a dial or the time of an answer; a TCP dial, a DNS lookup or a UDP echo then has no latency. From a peer: its agent claims that a UDP echo waited there for longer than the whole round trip, or for more than 0.1 s and a thousand times the rest of it.',
  },
  echoes: {
    name: 'net_exporter_echo_answers_total',
    type: 'counter',
    help: 'UDP echo requests of other agents that were answered.',
    labels: {},
  },
  dwell: {
    name: 'net_exporter_echo_dwell_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that UDP echo requests of other agents waited for this agent in seconds.',
    labels: {},
    edges: dwellBuckets,
    notes: 'The prober subtracts it. Absent times: the kernel’s timestamps are unavailable, or the clock was set.',
  },
  dropped: {
    name: 'net_exporter_echo_dropped_total',
    type: 'counter',
    help: 'Datagrams to the UDP echo port that were not answered, by reason.',
    labels: {
      reason: {
        help: 'Reason for not answering.',
        values: {
          foreign: 'not an echo request of an agent',
          address: 'more requests from one address than the agent answers per second',
          rate: 'more requests in all than the agent answers per second',
          unsent: 'the system did not send the answer',
        },
      },
    },
  },
} as const satisfies MetricGroup;
