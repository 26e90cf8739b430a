import type { PrometheusServer, Sample } from '../cluster/prometheus.ts';
import { type Agent, hostOf } from './agents.ts';

/**
 * What Prometheus should hold of a NetExporter's agents and does not (yet): latencies of each host and of each peer, and
 * the error counters of net-exporter's names, at zero. Empty when all is there.
 */
export async function missingSeries(
  prometheus: PrometheusServer,
  { namespace, name, agents, hosts }: { namespace: string; name: string; agents: Agent[]; hosts: string[] },
): Promise<string[]> {
  const selector = `namespace="${namespace}",netexporter="${name}"`;
  const byPod = async (metric: string) => {
    const samples = new Map<string, Sample[]>();
    for (const sample of await prometheus.query(`${metric}{${selector}}`)) {
      const pod = sample.labels.pod ?? '';
      samples.set(pod, [...(samples.get(pod) ?? []), sample]);
    }
    return (agent: Agent) => samples.get(agent.pod) ?? [];
  };
  const missing: string[] = [];
  for (const metric of ['dns_latency_seconds', 'network_latency_seconds'])
    for (const part of ['count', 'sum', 'bucket']) {
      const samples = await byPod(`${metric}_${part}`);
      for (const agent of agents) {
        const wanted = metric.startsWith('dns') ? hosts : agents.filter((peer) => peer !== agent).map(hostOf);
        for (const host of wanted)
          if (!samples(agent).some(({ labels, value }) => labels.host === host && value > 0))
            missing.push(`${metric}_${part}{host="${host}"} of ${agent.pod}`);
      }
    }
  for (const metric of [
    'dns_resolve_error_total',
    'dns_error_total',
    'network_dial_error_total',
    'network_error_total',
  ]) {
    const samples = await byPod(metric);
    for (const agent of agents) {
      const found = samples(agent);
      if (found.length === 0) missing.push(`${metric} of ${agent.pod}`);
      for (const { labels, value } of found)
        if (value !== 0)
          missing.push(`zero errors: ${metric}{host="${labels.host ?? ''}"} of ${agent.pod} is ${value}`);
    }
  }
  return missing;
}
