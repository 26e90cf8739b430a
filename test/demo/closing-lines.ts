import { counted } from '../../src/base/command-line.ts';
import { formatHostPort } from '../../src/base/host-port.ts';
import { operatorNamespace, operatorPort } from '../../src/contract/operator-names.ts';
import type { LoadedRule, PrometheusServer } from '../cluster/prometheus.ts';
import { getJson, hostOf } from '../e2e/agents.ts';
import type { ExpectedSeries } from '../e2e/expected-series.ts';
import type { DemoCluster } from './demo-cluster.ts';
import { demo } from './demo-objects.ts';
import { latencyTable } from './latency-table.ts';

/** Addresses of more pods than this are left out. */
const shownPods = 3;

/** Latency of the lookups of each host: after an edit of the hosts, this is where the new one appears. */
export const latencyByHost = `histogram_quantile(0.5, sum by (host, le) (rate(dns_latency_seconds_bucket{namespace="${demo.namespace}"}[1m])))`;

/** A page of Prometheus that draws a query over the last ten minutes. */
export function graphUrl(prometheusUrl: string, expression: string): string {
  return `${prometheusUrl}/query?g0.expr=${encodeURIComponent(expression)}&g0.tab=graph&g0.range_input=10m`;
}

/** What the user sees at the end, and can go on with. */
export async function closingLines(
  cluster: DemoCluster,
  prometheus: PrometheusServer,
  shown: ExpectedSeries,
): Promise<string[]> {
  const { namespace, name, agents } = shown;
  const operators = await getJson<{ items: OperatorPod[] }>(cluster.kubectl, [
    ...['pods', '-n', operatorNamespace, '-l', 'app.kubernetes.io/name=net-exporter-operator'],
  ]);
  return [
    '',
    await cluster.kubectl(['get', 'netexporter', '-n', namespace, name]),
    ...(await latencyTable(prometheus, shown)).lines,
    '',
    `Prometheus  ${prometheus.url}`,
    rulesLine(await prometheus.rules(), prometheus.url),
    ...metricsOf(
      cluster,
      'agent',
      agents.map((agent) => ({ namespace, pod: agent.pod, host: hostOf(agent), port: agent.port, note: agent.node })),
    ),
    ...metricsOf(
      cluster,
      'operator',
      operators.items.map(({ metadata, status, spec }) => ({
        namespace: operatorNamespace,
        pod: metadata.name,
        host: formatHostPort(status.podIP ?? '', operatorPort),
        port: operatorPort,
        note: spec.nodeName ?? '',
      })),
    ),
    '',
    'Edit spec.dns.hosts; no agent restarts:',
    `  ${cluster.kubectlCommand} edit netexporter -n ${namespace} ${name}`,
    'After about 30 seconds the new host appears in this query of Prometheus (reload the page):',
    `  ${latencyByHost}`,
    `  ${graphUrl(prometheus.url, latencyByHost)}`,
    '',
  ];
}

/** Which rules Prometheus has loaded, and where it shows them. */
export function rulesLine(rules: readonly LoadedRule[], prometheusUrl: string): string {
  const alerts = rules.filter(({ state }) => state !== undefined);
  const firing = alerts.filter(({ state }) => state === 'firing').map(({ name }) => name);
  const loaded = `${counted(alerts.length, 'alert')} and ${counted(rules.length - alerts.length, 'recording rule')}`;
  return `Rules       ${prometheusUrl}/alerts  # ${loaded}, firing: ${[...new Set(firing)].join(', ') || 'none'}`;
}

interface OperatorPod {
  metadata: { name: string };
  spec: { nodeName?: string };
  status: { podIP?: string };
}

interface MetricsSource {
  namespace: string;
  pod: string;
  host: string;
  port: number;
  /** Its node. */
  note: string;
}

/** Where each pod serves its metrics: its address, or a command where this machine does not reach pods. */
export function metricsOf(
  { reachesPods, kubectlCommand }: Pick<DemoCluster, 'reachesPods' | 'kubectlCommand'>,
  title: string,
  sources: readonly MetricsSource[],
): string[] {
  const lines = sources.slice(0, shownPods).map(({ namespace, pod, host, port, note }) => {
    const where = reachesPods
      ? `http://${host}/metrics`
      : `${kubectlCommand} get --raw /api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/metrics`;
    return `${title.padEnd(12)}${where}  # ${note}`;
  });
  const more = sources.length - lines.length;
  return more > 0 ? [...lines, `${''.padEnd(12)}and ${more} more`] : lines;
}
