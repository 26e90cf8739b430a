import type { RelabelConfig, ScrapeConfig } from '../cluster/prometheus.ts';

/** A PodMonitor as the API server has it, as far as ours have it. */
export interface PodMonitor {
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: {
    attachMetadata?: { node: boolean };
    selector: { matchLabels: Record<string, string> };
    podMetricsEndpoints: {
      port: string;
      path: string;
      interval?: string;
      scrapeTimeout?: string;
      relabelings: { action: string; sourceLabels: string[]; targetLabel: string }[];
      metricRelabelings?: object[];
    }[];
  };
}

/**
 * The scrape configuration that the Prometheus operator generates for a PodMonitor, without metricRelabelings. Follows
 * `generatePodMonitorConfig` in pkg/prometheus/promcfg.go of version 0.93.
 */
export function scrapeConfigOf({ metadata, spec }: PodMonitor, kubeconfig: string): ScrapeConfig {
  const { namespace, name } = metadata;
  const [endpoint] = spec.podMetricsEndpoints as [PodMonitor['spec']['podMetricsEndpoints'][0]];
  const copy = (source: string, target_label: string): RelabelConfig => ({ source_labels: [source], target_label });
  const set = (target_label: string, replacement: string): RelabelConfig => ({ target_label, replacement });
  return {
    job_name: `podMonitor/${namespace}/${name}/0`,
    honor_labels: false,
    kubernetes_sd_configs: [
      {
        role: 'pod',
        kubeconfig_file: kubeconfig,
        namespaces: { names: [namespace] },
        ...(spec.attachMetadata && { attach_metadata: spec.attachMetadata }),
      },
    ],
    ...(endpoint.interval && { scrape_interval: endpoint.interval }),
    ...(endpoint.scrapeTimeout && { scrape_timeout: endpoint.scrapeTimeout }),
    metrics_path: endpoint.path,
    relabel_configs: [
      copy('job', '__tmp_prometheus_job_name'),
      { source_labels: ['__meta_kubernetes_pod_phase'], regex: '(Failed|Succeeded)', action: 'drop' },
      ...Object.entries(spec.selector.matchLabels)
        .sort()
        .map(([label, value]) => ({
          source_labels: ['label', 'labelpresent'].map((kind) => `__meta_kubernetes_pod_${kind}_${sanitized(label)}`),
          regex: `(${value});true`,
          action: 'keep',
        })),
      { source_labels: ['__meta_kubernetes_pod_container_port_name'], regex: endpoint.port, action: 'keep' },
      copy('__meta_kubernetes_namespace', 'namespace'),
      copy('__meta_kubernetes_pod_container_name', 'container'),
      copy('__meta_kubernetes_pod_name', 'pod'),
      set('job', `${namespace}/${name}`),
      set('endpoint', endpoint.port),
      ...endpoint.relabelings.map(({ action, sourceLabels, targetLabel }) => ({
        ...{ source_labels: sourceLabels, target_label: targetLabel, action },
      })),
    ],
  };
}

function sanitized(label: string): string {
  return label.replaceAll(/[^A-Za-z0-9_]/g, '_');
}
