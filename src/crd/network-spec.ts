import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

export const NetworkSpecSchema = defaultedObject(
  {
    enabled: withDefault(Type.Boolean({ description: 'Whether the pod network is probed.' }), true),
    peersPerAgent: withDefault(
      Type.Integer({
        description: 'How many other agents each agent dials at most. 0: none, only the Service.',
        format: 'int32',
        minimum: 0,
        maximum: 100,
      }),
      10,
    ),
    service: withDefault(Type.Boolean({ description: 'Whether each agent also dials the agents’ own Service.' }), true),
    interval: intervalField(),
    timeout: timeoutField(),
  },
  { description: 'How the pod network is probed. A change never restarts a pod.', ...validated(timeoutWithinInterval) },
);
