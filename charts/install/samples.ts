import { ApiObject, App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { group, kind, version } from '../../src/crd/net-exporter.ts';
import { restricted } from './pod-security.ts';

/** The namespace that the samples are for. */
export const sampleNamespace = 'monitoring';

/** Resources to start from, by the name of their file. */
export function samples(): Record<string, object[]> {
  return {
    // A file of its own: who has such a namespace with other things in it must neither restrict nor delete it with a sample.
    namespace: objects((chart) => {
      new k8s.KubeNamespace(chart, 'namespace', { metadata: { name: sampleNamespace, labels: restricted } });
    }),
    default: objects((chart) =>
      addNetExporter(chart, 'default', {
        dns: { hosts: ['kubernetes.default.svc.cluster.local.', 'example.com.'] },
      }),
    ),
    minimal: objects((chart) => addNetExporter(chart, 'minimal', {})),
    strict: objects((chart) =>
      addNetExporter(chart, 'strict', {
        dns: { service: { namespace: 'kube-system', name: 'kube-dns' }, endpointsPerAgent: 3 },
        network: { protocols: ['TCP', 'UDP'] },
        monitoring: { networkPolicy: 'Strict' },
      }),
    ),
  };
}

function addNetExporter(scope: Construct, name: string, spec: object): void {
  new ApiObject(scope, name, {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name, namespace: sampleNamespace },
    spec,
  });
}

function objects(declare: (chart: Chart) => void): object[] {
  const chart = new Chart(new App(), 'sample');
  declare(chart);
  return chart.toJson();
}
