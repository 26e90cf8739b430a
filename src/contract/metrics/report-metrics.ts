import type { MetricGroup } from './metric.ts';

const limits = {
  agent_memory: 'the reports of one agent took more than 256 KiB',
  memory: 'the reports of all agents took more than 128 MiB; those that take most are cut first',
} as const;

/** What the operator keeps of agents' reports, and what it drops. */
export const reportMetrics = {
  bytes: {
    name: 'net_exporter_operator_report_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory that reports of agents take in bytes.',
    labels: {},
    notes: 'At most 256 KiB for each agent, and 128 MiB in total.',
  },
  targets: {
    name: 'net_exporter_operator_report_targets_dropped_total',
    type: 'counter',
    help: 'Targets in reports of agents whose results were dropped, by reason.',
    labels: {
      reason: {
        help: 'Why the results were dropped.',
        values: {
          not_planned:
            'not a target of this agent. A few are normal after an edit or a change of leader; a steady rate is an agent that does not follow its plan',
          too_many: 'one agent reported more than 1,500 targets within `spec.health.window`',
          ...limits,
          unjudged:
            'kept, but not judged: all agents together have more than 250,000 targets within the window, or one made more attempts than the interval of its probes allows',
        },
      },
    },
  },
  sketches: {
    name: 'net_exporter_operator_report_sketches_dropped_total',
    type: 'counter',
    help: 'Targets in reports of agents whose latencies were dropped, by reason.',
    labels: {
      reason: {
        help: 'Why the latencies were dropped.',
        values: {
          buckets: 'latencies in more than 64 buckets of one report; the lowest ones were merged',
          ...limits,
        },
      },
    },
    notes: 'Attempts and failures are kept.',
  },
} as const satisfies MetricGroup;
