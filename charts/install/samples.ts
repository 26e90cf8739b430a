import { ApiObject, App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { group, kind, version } from '../../src/crd/net-exporter.ts';
import { restricted } from './pod-security.ts';

/** The namespace that the samples are for. */
export const sampleNamespace = 'monitoring';

const defaultSpec = { dns: { hosts: ['kubernetes.default.svc.cluster.local.', 'example.com.'] } };

/** Resources to start from, by the name of their file. */
export function samples(): Record<string, object[]> {
  return {
    // A file of its own: who has such a namespace with other things in it must neither restrict nor delete it with a
    // sample.
    namespace: objects((chart) => addNamespace(chart, sampleNamespace)),
    default: objects((chart) => addNetExporter(chart, 'default', defaultSpec)),
    minimal: objects((chart) => addNetExporter(chart, 'minimal', {})),
    // Half the default intervals: a fault is named sooner, for twice the probes.
    fast: objects((chart) =>
      addNetExporter(chart, 'fast', {
        dns: { interval: '5s', timeout: '2s' },
        network: { interval: '5s', timeout: '2s' },
        health: { window: '1m', nodeEvents: true },
      }),
    ),
    strict: objects((chart) =>
      addNetExporter(chart, 'strict', {
        dns: { service: { namespace: 'kube-system', name: 'kube-dns' }, endpointsPerAgent: 3 },
        network: { protocols: ['TCP', 'UDP'] },
        monitoring: { networkPolicy: 'Strict' },
      }),
    ),
  };
}

/**
 * The namespace and the NetExporter of `npm start`: the default sample under names of their own. The demo's Prometheus
 * finds agents by the annotations on their Service, which a PodMonitor would replace.
 */
export function demoObjects(namespace: string, name: string): object[] {
  return objects((chart) => {
    addNamespace(chart, namespace);
    addNetExporter(chart, name, { ...defaultSpec, monitoring: { podMonitor: 'None' } }, namespace);
  });
}

function addNamespace(scope: Construct, name: string): void {
  new k8s.KubeNamespace(scope, 'namespace', { metadata: { name, labels: restricted } });
}

function addNetExporter(scope: Construct, name: string, spec: object, namespace = sampleNamespace): void {
  new ApiObject(scope, name, {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name, namespace },
    spec,
  });
}

function objects(declare: (chart: Chart) => void): object[] {
  const chart = new Chart(new App(), 'sample');
  declare(chart);
  return chart.toJson();
}
