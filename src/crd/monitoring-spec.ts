import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';

export const MonitoringSpecSchema = defaultedObject(
  {
    networkPolicy: withDefault(
      Type.Enum(['Ingress', 'None'], {
        type: 'string',
        description:
          'Ingress: a NetworkPolicy lets everyone reach the agents’ port and nobody any other port. None: no NetworkPolicy.',
      }),
      'Ingress',
    ),
  },
  { description: 'What surrounds the agents.' },
);
