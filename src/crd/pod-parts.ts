import { Type } from 'typebox';
import { isObjectName } from './object-name.ts';
import { validated } from './validation-rule.ts';

/** A part of a pod that goes through as the user wrote it, also with fields newer than this code. */
const untouched = { 'x-kubernetes-preserve-unknown-fields': true };

/**
 * CEL expressions for an amount that is an integer or a string. Kubernetes 1.31 reckons with 3 MB for every such value,
 * whatever its maxLength, so that each look at one is dear: hence no `quantity(string(…))`, few keys, and requests
 * compared with limits only where Kubernetes' own resources are concerned.
 */
const isAmount = (value: string) => `(type(${value}) == int || isQuantity(${value}))`;
const amount = (value: string) => `(type(${value}) == int ? quantity('0').add(${value}) : quantity(${value}))`;

const quantities = (description: string) =>
  Type.Unsafe<Record<string, number | string>>({
    type: 'object',
    description,
    maxProperties: 8,
    additionalProperties: { 'x-kubernetes-int-or-string': true, maxLength: 32 },
    ...validated({
      rule: `self.all(name, ${isAmount('self[name]')} && ${amount('self[name]')}.compareTo(quantity('0')) >= 0)`,
      message: 'every amount must be a Kubernetes quantity of at least zero, such as 10m of cpu or 64Mi of memory',
    }),
  });

const request = 'self.requests[name]';
const limit = 'self.limits[name]';

/** `requests` and `limits` of the container. Either may be left out; neither is then filled in. */
export const ResourcesSchema = Type.Object(
  {
    requests: Type.Optional(quantities('What the scheduler sets aside for each agent.')),
    limits: Type.Optional(quantities('What each agent may use at most.')),
  },
  {
    description: 'What each agent requests and may use at most. Written at all, it replaces the default as a whole.',
    ...validated({
      rule: `!has(self.requests) || !has(self.limits) || ['cpu', 'memory', 'ephemeral-storage'].all(name, !(name in self.requests) || !(name in self.limits) || !${isAmount(request)} || !${isAmount(limit)} || ${amount(request)}.compareTo(${amount(limit)}) <= 0)`,
      message: 'requests must not exceed limits: write a smaller request or a larger limit',
    }),
  },
);

export const TolerationSchema = Type.Object(
  {
    key: Type.Optional(
      Type.String({ description: 'The taint’s key. Empty, with operator Exists: every taint.', maxLength: 317 }),
    ),
    operator: Type.Optional(Type.String({ description: 'Exists or Equal (the default).', maxLength: 63 })),
    value: Type.Optional(Type.String({ description: 'The taint’s value, for operator Equal.', maxLength: 63 })),
    effect: Type.Optional(
      Type.String({ description: 'NoSchedule, PreferNoSchedule or NoExecute. Empty: all of them.', maxLength: 63 }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({ description: 'How long a NoExecute taint is tolerated.', format: 'int64' }),
    ),
  },
  {
    ...untouched,
    ...validated(
      {
        rule: "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
        message: 'must have a key, or operator: Exists to tolerate every taint',
      },
      {
        rule: "!(has(self.operator) && self.operator == 'Exists') || !has(self.value) || self.value == ''",
        message: 'with operator: Exists there must be no value: leave it out, or write operator: Equal',
      },
    ),
  },
);

const OpenObject = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', description, ...untouched });

export const AffinitySchema = Type.Object(
  {
    nodeAffinity: Type.Optional(OpenObject('As in a pod’s affinity.')),
    podAffinity: Type.Optional(OpenObject('As in a pod’s affinity.')),
    podAntiAffinity: Type.Optional(OpenObject('As in a pod’s affinity.')),
  },
  { description: 'Where the agents may run, as in a pod. Virtual nodes are excluded besides.' },
);

export const PullSecretSchema = Type.Object({
  name: Type.String({
    description: 'The Secret’s name.',
    maxLength: 253,
    ...validated({
      rule: isObjectName,
      message: 'must be the name of a Secret, such as registry-credentials (lower-case letters, digits, - and .)',
    }),
  }),
});
