import type { MetricGroup } from './metric.ts';

/** The process, under the names of every Prometheus client library; of agent and operator alike. */
export const processMetrics = {
  buildInfo: {
    name: 'net_exporter_build_info',
    type: 'gauge',
    help: 'Version of the program; the value is always 1.',
    labels: { version: { help: 'Version of the agent or operator.' } },
  },
  cpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'Total user and system CPU time in seconds.',
    labels: {},
  },
  residentMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory size in bytes.',
    labels: {},
  },
  virtualMemory: {
    name: 'process_virtual_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Virtual memory size in bytes.',
    labels: {},
  },
  openFiles: {
    name: 'process_open_fds',
    type: 'gauge',
    help: 'Number of open file descriptors.',
    labels: {},
    notes: '`NaN` when no descriptor is left to count them with.',
  },
  maxFiles: {
    name: 'process_max_fds',
    type: 'gauge',
    help: 'Maximum number of open file descriptors.',
    labels: {},
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Start time of the process in seconds since the Unix epoch.',
    labels: {},
  },
} as const satisfies MetricGroup;
