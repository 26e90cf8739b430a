import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { labelsField, reservedPrefixes } from './label-maps.ts';
import { ScrapeSpecSchema } from './scrape-spec.ts';

export const MonitoringSpecSchema = defaultedObject(
  {
    podMonitor: withDefault(
      Type.Enum(['Auto', 'None'], {
        type: 'string',
        description:
          'Auto creates a PodMonitor if the cluster serves the Prometheus Operator API, even if it is installed later, and otherwise sets prometheus.io annotations. None sets only the annotations.',
      }),
      'Auto',
    ),
    prometheusRule: withDefault(
      Type.Enum(['Auto', 'None'], {
        type: 'string',
        description:
          'Auto creates a PrometheusRule with the recording rules and alerts of this NetExporter if the cluster serves the Prometheus Operator API, even if it is installed later. None creates none.',
      }),
      'Auto',
    ),
    labels: withDefault(
      labelsField(
        'Labels of the PodMonitor and the PrometheusRule. Set the labels that your Prometheus selects them by, such as release: prometheus.',
        reservedPrefixes('app.kubernetes.io/', 'net-exporter.dev/'),
      ),
      {},
    ),
    attachNodeMetadata: withDefault(
      Type.Boolean({
        description:
          'Whether the PodMonitor makes Prometheus read the label zone from Node objects. Prometheus must then have the rights to get, list and watch nodes; without them, it finds no agent. If false, zone is read from the label topology.kubernetes.io/zone of the pods, which Kubernetes 1.35 and newer copies from the node.',
      }),
      false,
    ),
    scrape: ScrapeSpecSchema,
    networkPolicy: withDefault(
      Type.Enum(['Ingress', 'Strict', 'None'], {
        type: 'string',
        description:
          'Ingress creates a NetworkPolicy that allows ingress from anywhere to the agent port (TCP and UDP) and denies all other ingress. Strict also limits egress to other agents, DNS servers, time servers and the operator. None creates no NetworkPolicy.',
      }),
      'Ingress',
    ),
  },
  { description: 'Monitoring integration and network policy.' },
);
