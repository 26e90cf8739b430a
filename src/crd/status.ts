import { type Static, Type } from 'typebox';

const ConditionSchema = Type.Object(
  {
    type: Type.String({
      description: 'Which condition this is: Ready, Reconciling, Stalled or ConfigPropagated.',
      maxLength: 316,
    }),
    status: Type.Enum(['True', 'False', 'Unknown'], { type: 'string', description: 'Whether it holds.' }),
    observedGeneration: Type.Optional(
      Type.Integer({
        description: 'The metadata.generation that the condition was computed from.',
        format: 'int64',
        minimum: 0,
      }),
    ),
    lastTransitionTime: Type.String({
      description: 'When status last changed from one value to another (RFC 3339).',
      format: 'date-time',
    }),
    reason: Type.String({ description: 'A CamelCase word for programs and searches.', minLength: 1, maxLength: 1024 }),
    message: Type.String({ description: 'The details, for people.', maxLength: 32_768 }),
  },
  { description: 'One aspect of the state, in the form of metav1.Condition.' },
);

const AgentsStatusSchema = Type.Object(
  {
    desired: Type.Integer({ description: 'Nodes that should run an agent.', format: 'int32', minimum: 0 }),
    ready: Type.Integer({ description: 'Agents that are ready.', format: 'int32', minimum: 0 }),
    configured: Type.Optional(
      Type.Integer({
        description: 'Agents that probe by the newest spec and the newest plan.',
        format: 'int32',
        minimum: 0,
      }),
    ),
    reporting: Type.Optional(
      Type.Integer({
        description: 'Agents that the operator has heard of in the last 45 seconds.',
        format: 'int32',
        minimum: 0,
      }),
    ),
    summary: Type.String({ description: 'ready/desired, as kubectl get shows it.', maxLength: 32 }),
  },
  { description: 'The agents, counted.' },
);

/** What the operator found. No field is required, so that a status of another version of the operator stays readable. */
export const NetExporterStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'The metadata.generation that this status is about.', format: 'int64', minimum: 0 }),
    ),
    agents: Type.Optional(AgentsStatusSchema),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description:
          'Ready: the agents run as the spec says. Reconciling: a change is being rolled out. Stalled: it cannot go on without someone’s help. ConfigPropagated: every agent has the newest settings and targets; absent where the operator does not sync.',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
  },
  { description: 'What the operator found; written by the operator only.' },
);

export type Condition = Static<typeof ConditionSchema>;
export type NetExporterStatus = Static<typeof NetExporterStatusSchema>;
