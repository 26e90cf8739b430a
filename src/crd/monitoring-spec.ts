import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { labelsField, reservedPrefixes } from './label-maps.ts';

export const MonitoringSpecSchema = defaultedObject(
  {
    podMonitor: withDefault(
      Type.Enum(['Auto', 'None'], {
        type: 'string',
        description:
          'Auto: a PodMonitor wherever the API of the Prometheus operator is there, also when it comes later; prometheus.io annotations where it is not. None: annotations only.',
      }),
      'Auto',
    ),
    labels: withDefault(
      labelsField(
        'Labels of the PodMonitor, by which a Prometheus selects it, such as release: prometheus.',
        reservedPrefixes('app.kubernetes.io/', 'net-exporter.dev/'),
      ),
      {},
    ),
    networkPolicy: withDefault(
      Type.Enum(['Ingress', 'Strict', 'None'], {
        type: 'string',
        description:
          'Ingress: a NetworkPolicy lets everyone reach the agents’ port, by TCP and UDP, and nobody any other port. Strict: besides, agents reach nothing but each other, DNS servers, time servers and the operator. None: no NetworkPolicy.',
      }),
      'Ingress',
    ),
  },
  { description: 'What surrounds the agents.' },
);
