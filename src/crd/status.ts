import { type Static, Type } from 'typebox';

/** Maximum number of suspects in a status. */
export const maxSuspects = 20;

/** Maximum length of the name of a suspect, and of the sentence about it. */
export const maxSuspectName = 253;
export const maxEvidence = 1000;

const ConditionSchema = Type.Object(
  {
    type: Type.String({
      description:
        'Type of the condition: Ready, Reconciling, Stalled, ConfigPropagated, DNSHealthy or NetworkHealthy.',
      maxLength: 316,
    }),
    status: Type.Enum(['True', 'False', 'Unknown'], { type: 'string', description: 'Status of the condition.' }),
    observedGeneration: Type.Optional(
      Type.Integer({
        description: 'The metadata.generation that the condition is based on.',
        format: 'int64',
        minimum: 0,
      }),
    ),
    lastTransitionTime: Type.String({
      description: 'Time of the last change of the status (RFC 3339).',
      format: 'date-time',
    }),
    reason: Type.String({ description: 'Machine-readable reason in CamelCase.', minLength: 1, maxLength: 1024 }),
    message: Type.String({ description: 'Human-readable details.', maxLength: 32_768 }),
  },
  { description: 'One aspect of the current state, in the form of metav1.Condition.' },
);

const AgentsStatusSchema = Type.Object(
  {
    desired: Type.Integer({ description: 'Number of nodes that should run an agent.', format: 'int32', minimum: 0 }),
    ready: Type.Integer({ description: 'Number of agents that are ready.', format: 'int32', minimum: 0 }),
    configured: Type.Optional(
      Type.Integer({
        description: 'Number of agents that use the current spec and the current probe plan.',
        format: 'int32',
        minimum: 0,
      }),
    ),
    reporting: Type.Optional(
      Type.Integer({
        description: 'Number of agents that contacted the operator in the last 45 seconds.',
        format: 'int32',
        minimum: 0,
      }),
    ),
    generation: Type.Optional(
      Type.Integer({
        description: 'The metadata.generation of the spec that the configured agents use.',
        format: 'int64',
        minimum: 0,
      }),
    ),
    summary: Type.String({
      description: 'Ready and desired agents in the form ready/desired, as shown by kubectl get.',
      maxLength: 32,
    }),
  },
  { description: 'Agent counts.' },
);

function count(description: string) {
  return Type.Integer({ description, format: 'int32', minimum: 0 });
}

/** Two digits, as Go writes durations: `120µs`, `1.2ms`, `2.1s`. */
function latency(description: string) {
  return Type.Optional(Type.String({ description, maxLength: 32 }));
}

const DnsStatusSchema = Type.Object(
  {
    servers: count('Number of DNS servers that agents query.'),
    hosts: count('Number of names that agents look up.'),
    failing: count('Number of DNS servers and names that are suspects.'),
    p50: latency('Median duration of successful lookups within the window, such as 1.2ms.'),
    p99: latency('The 99th percentile of the duration of successful lookups within the window, such as 4.8ms.'),
  },
  {
    description:
      'Results of DNS probes. Written when a condition, a suspect or a count changes, or a latency more than doubles or halves.',
  },
);

const NetworkStatusSchema = Type.Object(
  {
    links: count('Number of links: pairs of an agent and a peer that it probes.'),
    failing: count('Number of links on which probes fail.'),
    p50: latency('Median round-trip time within the window, such as 120µs.'),
    p99: latency('The 99th percentile of the round-trip time within the window, such as 480µs.'),
  },
  {
    description:
      'Results of network probes. Written when a condition, a suspect or a count changes, or a latency more than doubles or halves.',
  },
);

// Kinds and reasons are strings, so that an older CRD does not refuse those of a newer operator.
const SuspectSchema = Type.Object(
  {
    kind: Type.String({
      description: 'What is at fault: Node, Link, ServicePath, ZonePair, Zone, DNSServer or Host.',
      minLength: 1,
      maxLength: 63,
    }),
    name: Type.String({
      description:
        'Name of the node, zone or host, `ip:port` of the DNS server, `from>to` in one direction or `a<>b` in both.',
      minLength: 1,
      maxLength: maxSuspectName,
    }),
    reason: Type.String({
      description: 'What is wrong: Unreachable, Inbound, Outbound, Loss, Slow, Refused, Errors or Rebooted.',
      minLength: 1,
      maxLength: 63,
    }),
    evidence: Type.String({
      description: 'What the agents have measured, in one sentence with numbers.',
      maxLength: maxEvidence,
    }),
    since: Type.String({ description: 'When it became a suspect (RFC 3339).', format: 'date-time' }),
  },
  { description: 'A part of the network or of DNS that is at fault.' },
);

/**
 * The observed state. Its top-level fields are optional, so that other versions of the operator can read and write it.
 */
export const NetExporterStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({
        description: 'The metadata.generation that this status is based on.',
        format: 'int64',
        minimum: 0,
      }),
    ),
    agents: Type.Optional(AgentsStatusSchema),
    dns: Type.Optional(DnsStatusSchema),
    network: Type.Optional(NetworkStatusSchema),
    suspects: Type.Optional(
      Type.Array(SuspectSchema, {
        description:
          'What is at fault, worst first. Absent while nothing is known. docs/judgement.md says what each kind means and what to do.',
        maxItems: maxSuspects,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    suspectSummary: Type.Optional(
      Type.String({
        description:
          'The worst suspect and the number of the others, as shown by kubectl get, such as Node worker-3 +2. none: there is no suspect; unknown: the operator does not know.',
        maxLength: 330,
      }),
    ),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description:
          'Conditions of the NetExporter. Ready: all agents run as specified. Reconciling: a change is being rolled out. Stalled: the operator is blocked and needs help from a user. ConfigPropagated: all agents have the current settings and targets. DNSHealthy: no DNS server and no name of the cluster is a suspect. NetworkHealthy: no node, link, Service path or zone is a suspect. The last three are Unknown while the operator does not know; the reason says why.',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
  },
  { description: 'Observed state. Written only by the operator.' },
);

/** A suspect as the status has it. */
export type StatusSuspect = Static<typeof SuspectSchema>;
export type Condition = Static<typeof ConditionSchema>;
export type NetExporterStatus = Static<typeof NetExporterStatusSchema>;
