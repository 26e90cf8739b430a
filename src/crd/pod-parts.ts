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
      message: 'every value must be a non-negative Kubernetes quantity, such as 10m for cpu or 64Mi for memory',
    }),
  });

const request = 'self.requests[name]';
const limit = 'self.limits[name]';

/** `requests` and `limits` of the container. Either may be left out; neither is then filled in. */
export const ResourcesSchema = Type.Object(
  {
    requests: Type.Optional(quantities('Resources that the scheduler reserves for each agent.')),
    limits: Type.Optional(quantities('Maximum resources that each agent may use.')),
  },
  {
    description: 'Resource requests and limits of each agent. If set, they replace the whole default, without merging.',
    ...validated({
      rule: `!has(self.requests) || !has(self.limits) || ['cpu', 'memory', 'ephemeral-storage'].all(name, !(name in self.requests) || !(name in self.limits) || !${isAmount(request)} || !${isAmount(limit)} || ${amount(request)}.compareTo(${amount(limit)}) <= 0)`,
      message: 'requests must not exceed limits; set a smaller request or a larger limit',
    }),
  },
);

export const TolerationSchema = Type.Object(
  {
    key: Type.Optional(
      Type.String({
        description: 'Key of the taint. An empty key with operator: Exists matches every taint.',
        maxLength: 317,
      }),
    ),
    operator: Type.Optional(Type.String({ description: 'Exists or Equal. Defaults to Equal.', maxLength: 63 })),
    value: Type.Optional(Type.String({ description: 'Value of the taint, for operator: Equal.', maxLength: 63 })),
    effect: Type.Optional(
      Type.String({
        description: 'NoSchedule, PreferNoSchedule or NoExecute. If empty, all effects match.',
        maxLength: 63,
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({ description: 'Number of seconds for which a NoExecute taint is tolerated.', format: 'int64' }),
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
        message: 'must not have a value with operator: Exists; remove the value or set operator: Equal',
      },
    ),
  },
);

const OpenObject = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', description, ...untouched });

export const AffinitySchema = Type.Object(
  {
    nodeAffinity: Type.Optional(OpenObject('Node affinity, as in a pod spec.')),
    podAffinity: Type.Optional(OpenObject('Pod affinity, as in a pod spec.')),
    podAntiAffinity: Type.Optional(OpenObject('Pod anti-affinity, as in a pod spec.')),
  },
  { description: 'Scheduling constraints of the agent pods, as in a pod spec. Virtual nodes are always excluded.' },
);

export const PullSecretSchema = Type.Object({
  name: Type.String({
    description: 'Name of the Secret.',
    maxLength: 253,
    ...validated({
      rule: isObjectName,
      message: 'must be the name of a Secret, such as registry-credentials (lowercase letters, digits, - and .)',
    }),
  }),
});
