import { Type } from 'typebox';
import { linkStates } from '../suspects.ts';

/** States of a cell of a matrix: those of links, and `unprobed` where there is no link. */
export const cellStates = [...linkStates, 'unprobed'] as const;

export type CellState = (typeof cellStates)[number];

export function text(description: string) {
  return Type.String({ description });
}

export function count(description: string) {
  return Type.Integer({ description, minimum: 0 });
}

export function time(description: string) {
  return Type.String({ description: `${description} (RFC 3339).`, format: 'date-time' });
}

/** Fields of every row: the NetExporter that it belongs to. */
export const ofResource = {
  namespace: text('Namespace of the NetExporter.'),
  netexporter: text('Name of the NetExporter.'),
};

/** Attempts within the window. */
export const outcomes = {
  attempts: count('Attempts within the window.'),
  bad: count('Of these, attempts that failed or needed a retransmission.'),
  slow: count('Of these, successful attempts that were slow.'),
};

function latency(description: string) {
  return Type.Optional(Type.Number({ description, minimum: 0 }));
}

/** Latencies within `spec.health.window`; left out where there are none. */
export const latencies = {
  p50: latency('Median latency of successful attempts, in seconds.'),
  p99: latency('The 99th percentile of that latency, in seconds.'),
};

export const LinkCountsSchema = Type.Object(
  {
    ok: count('Links without a fault.'),
    slow: count('Links on which at least half of the probes are slow.'),
    failing: count('Links on which more probes are bad than spec.health.failureRatio allows.'),
    unreported: count('Links of which the agent has reported nothing.'),
  },
  { description: 'Numbers of links by state. A link is a pair of an agent and a peer that it probes.' },
);

/** A state of `cellStates`. @param values those that can occur */
export function state(values: readonly CellState[]) {
  return Type.Enum([...values], {
    type: 'string',
    description: 'State by the second half of the window.',
  });
}
