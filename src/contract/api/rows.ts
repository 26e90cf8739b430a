import { type Static, Type } from 'typebox';
import { linkStates, suspectKinds, suspectReasons } from '../suspects.ts';
import { cellStates, count, LinkCountsSchema, latencies, ofResource, outcomes, state, text, time } from './parts.ts';

/** States of agents, as `targetStates` of the operator has them. */
export const agentStates = ['starting', 'serving', 'failing', 'cut-off', 'draining', 'leaving', 'ended'] as const;

const ConditionSchema = Type.Object({
  type: text('Type of the condition.'),
  status: Type.Enum(['True', 'False', 'Unknown'], { type: 'string', description: 'Status of the condition.' }),
  reason: text('Reason in CamelCase; docs/errors.md explains each.'),
  message: text('Details.'),
  lastTransitionTime: time('When the status changed last'),
});

const judgedPart = {
  unknown: Type.Optional(text('Why this part is not judged; left out if it is.')),
  attempts: count('Attempts within the window.'),
  failures: count('Of these, failed attempts.'),
  ...latencies,
};

const StatusRowSchema = Type.Object(
  {
    ...ofResource,
    generation: count('metadata.generation.'),
    verdict: Type.Array(Type.String(), {
      description:
        'What is at fault, one sentence each, worst first, in the words of status.suspects; or that nothing is, or why that is not known.',
    }),
    monitor: Type.Array(Type.String(), {
      description: 'What is wrong with the monitoring itself, one sentence each. Empty if nothing is.',
    }),
    suspects: count('Number of suspects.'),
    suspectSummary: text('status.suspectSummary.'),
    conditions: Type.Array(ConditionSchema, { description: 'status.conditions.' }),
    agents: Type.Object(
      {
        desired: count('Nodes that should run an agent.'),
        ready: count('Agents that are ready.'),
        configured: Type.Optional(count('Agents that have the current settings and targets.')),
        reporting: Type.Optional(count('Agents that call the leader.')),
        states: Type.Object(
          Object.fromEntries(agentStates.map((name) => [name, count(`Agents in the state ${name}.`)])) as Record<
            (typeof agentStates)[number],
            ReturnType<typeof count>
          >,
          { description: 'Agents by state.' },
        ),
      },
      { description: 'Counts of agents.' },
    ),
    judgement: Type.Optional(
      Type.Object(
        {
          judgedAt: time('When the leader judged last'),
          windowSeconds: Type.Number({ description: 'Length of the window that is judged.', minimum: 0 }),
          filledSeconds: Type.Number({
            description:
              'How much of the window this leader has seen. Less than windowSeconds after a change of leader.',
            minimum: 0,
          }),
          dns: Type.Object({
            ...judgedPart,
            servers: count('DNS servers that agents query.'),
            hosts: count('Names that agents look up.'),
          }),
          network: Type.Object({ ...judgedPart, links: LinkCountsSchema }),
        },
        { description: 'The last judgement; left out before the first one.' },
      ),
    ),
  },
  { description: 'A NetExporter.' },
);

const directionOf = (description: string) => Type.Object({ links: LinkCountsSchema, ...outcomes }, { description });

const NodeRowSchema = Type.Object(
  {
    ...ofResource,
    node: text('Name of the node.'),
    zone: text('Its zone; empty if it has none or does not exist.'),
    ready: Type.Optional(
      Type.Boolean({ description: 'Whether the Node is ready; left out if there is no such Node.' }),
    ),
    agent: Type.Optional(
      Type.Object(
        {
          state: Type.Enum([...agentStates], { type: 'string', description: 'State of the agent.' }),
          reporting: Type.Boolean({ description: 'Whether its next request is not overdue.' }),
          lacks: Type.Optional(text('What it lacks, such as `outdated settings`; left out if it lacks nothing.')),
        },
        { description: 'The agent on the node; left out if there is none.' },
      ),
    ),
    out: directionOf('Probes that the node’s agent sends to peers.'),
    in: directionOf('Probes that peers send to the node’s agent.'),
    service: Type.Object(outcomes, { description: 'Dials from the node to the Service of the agents.' }),
    dns: Type.Object(outcomes, { description: 'Lookups from the node.' }),
    ...latencies,
  },
  { description: 'A node with an agent, or that agents probe. Latencies are those of probes that its agent sends.' },
);

const LinkRowSchema = Type.Object(
  {
    ...ofResource,
    from: text('Node of the agent.'),
    fromZone: text('Its zone; empty if it has none.'),
    to: text('Node of the peer.'),
    toZone: text('Its zone; empty if it has none.'),
    state: state(linkStates),
    ...outcomes,
    ...latencies,
  },
  { description: 'A pair of an agent and a peer that it probes, over all protocols.' },
);

const ZoneRowSchema = Type.Object(
  {
    ...ofResource,
    from: text('Zone of the agents; empty: nodes without a zone.'),
    to: text('Zone of the peers; empty: nodes without a zone.'),
    state: state(cellStates),
    links: LinkCountsSchema,
    ...outcomes,
    ...latencies,
  },
  { description: 'An ordered pair of zones, which may be the same zone.' },
);

const DnsRowSchema = Type.Object(
  {
    ...ofResource,
    server: text('`ip:port` of the DNS server.'),
    pod: Type.Optional(text('Name of its pod, if it is a pod of spec.dns.service.')),
    node: Type.Optional(text('Node of its pod.')),
    host: text('Name that is looked up.'),
    state: state(linkStates),
    agents: count('Agents with lookups within the window.'),
    badAgents: count('Of these, agents with bad lookups.'),
    ...outcomes,
    reason: Type.Optional(text('Most frequent reason of failures; left out without failures.')),
    ...latencies,
  },
  { description: 'The lookups of one name at one DNS server, by all agents, protocols and record types.' },
);

const SuspectRowSchema = Type.Object(
  {
    ...ofResource,
    kind: Type.Enum([...suspectKinds], { type: 'string', description: 'What is at fault.' }),
    name: text('Its name.'),
    rank: Type.Integer({ description: '1 for the worst suspect of the NetExporter.', minimum: 1 }),
    reason: Type.Enum([...suspectReasons], { type: 'string', description: 'What is wrong.' }),
    evidence: text('What the agents have measured, in one sentence with numbers.'),
    since: time('When it became a suspect'),
    remedy: text('What to do first.'),
    runbook: text('Link to the documentation of the kind.'),
  },
  { description: 'A part of the network or of DNS that is at fault.' },
);

const EventRowSchema = Type.Object(
  {
    id: Type.Integer({ description: 'Number of the Event; later ones have higher numbers.', minimum: 1 }),
    ...ofResource,
    type: Type.Enum(['Normal', 'Warning'], { type: 'string', description: 'Type of the Event.' }),
    reason: text('Reason in CamelCase.'),
    note: text('What has happened.'),
    firstTime: time('When it happened first'),
    lastTime: time('When it happened last'),
    count: Type.Integer({ description: 'How often it happened.', minimum: 1 }),
  },
  { description: 'An Event about a NetExporter that this leader has recorded.' },
);

/** The rows of each list, by the name of its route. */
export const rowSchemas = {
  status: StatusRowSchema,
  nodes: NodeRowSchema,
  links: LinkRowSchema,
  zones: ZoneRowSchema,
  dns: DnsRowSchema,
  suspects: SuspectRowSchema,
  events: EventRowSchema,
};

export type ListName = keyof typeof rowSchemas;

export const listNames = Object.keys(rowSchemas) as ListName[];

/** A row of a list. */
export type Row<Name extends ListName> = Static<(typeof rowSchemas)[Name]>;
