import { type Static, Type } from 'typebox';

const ConditionSchema = Type.Object(
  {
    type: Type.String({
      description: 'Type of the condition: Ready, Reconciling, Stalled or ConfigPropagated.',
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
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description:
          'Conditions of the NetExporter. Ready: all agents run as specified. Reconciling: a change is being rolled out. Stalled: the operator is blocked and needs help from a user. ConfigPropagated: all agents have the current settings and targets, Unknown while a new leader has not heard of them; absent if the operator does not sync.',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
  },
  { description: 'Observed state. Written only by the operator.' },
);

export type Condition = Static<typeof ConditionSchema>;
export type NetExporterStatus = Static<typeof NetExporterStatusSchema>;
