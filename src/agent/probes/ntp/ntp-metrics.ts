import { Counter, Gauge, Histogram } from 'prom-client';
import { kissCodes } from '../../../contract/kiss-codes.ts';
import { latencyBuckets } from '../../../contract/latency-buckets.ts';
import type { ProbeFamily } from '../probe-family.ts';

/** The metrics of time servers. They are there only while a time server is a target. */
export function ntpFamily(): ProbeFamily {
  const labelNames = ['server'];
  const registers: [] = [];
  const latency = new Histogram({
    name: 'ntp_latency_seconds',
    help: 'Round-trip time of successful NTP requests, with the time that the server took.',
    labelNames,
    buckets: [...latencyBuckets],
    registers,
  });
  const errors = new Counter({
    name: 'ntp_sync_error_total',
    help: 'NTP requests that brought no time.',
    labelNames,
    registers,
  });
  const failures = new Counter({
    name: 'ntp_failures_total',
    help: 'NTP requests that brought no time, by reason.',
    labelNames: ['server', 'reason'],
    registers,
  });
  const faults = new Counter({
    name: 'ntp_error_total',
    help: 'NTP requests that could not be made by a fault of the agent itself.',
    registers,
  });
  const offset = new Gauge({
    name: 'ntp_offset_seconds',
    help: "How far the node's clock is behind the server's, below zero when it is ahead. Absent while unknown.",
    labelNames,
    registers,
  });
  const stratum = new Gauge({
    name: 'ntp_stratum',
    help: 'How many servers the server is away from a reference clock. Absent while unknown.',
    labelNames,
    registers,
  });
  const kisses = new Counter({
    name: 'ntp_kiss_of_death_total',
    help: 'Answers by which the server asked for fewer requests or none, by their code.',
    labelNames: ['server', 'code'],
    registers,
  });
  return {
    latency,
    errors,
    retransmits: () => undefined,
    losses: () => undefined,
    failures,
    reasons: () => ['timeout', 'refused', 'unreachable', 'malformed', 'lookup', 'unsynchronized', 'kiss_of_death'],
    shared: ({ server = '' }) => ({ server }),
    faults,
    beside: {
      add: (labels) => {
        for (const code of kissCodes) kisses.inc({ ...labels, code }, 0);
      },
      remove: (labels) => {
        for (const code of kissCodes) kisses.remove({ ...labels, code });
        for (const gauge of [offset, stratum]) gauge.remove(labels);
      },
      record: (labels, { clock, kiss }) => {
        if (kiss) kisses.inc({ ...labels, code: kiss });
        // What was known before the last turn may not be so any more.
        setOrRemove(offset, labels, clock?.offsetSeconds);
        setOrRemove(stratum, labels, clock?.stratum);
      },
    },
    optional: [latency, errors, failures, faults, offset, stratum, kisses],
  };
}

function setOrRemove(gauge: Gauge, labels: Record<string, string>, value: number | undefined): void {
  if (value === undefined) gauge.remove(labels);
  else gauge.set(labels, value);
}
