import { formatHostPort } from '../../src/base/host-port.ts';
import { operatorPort } from '../../src/contract/operator-names.ts';
import { type Metrics, scrape } from '../../test/e2e/metrics.ts';
import type { PodFacts } from './facts.ts';
import type { AgentSample, Exposed } from './moment.ts';

/** Reads the metrics of many pods again and again, those that hang without holding up the others. */
export class Samples {
  /** The last sample of each agent, by its pod's uid. */
  readonly agents = new Map<string, AgentSample>();
  /** What each operator exposed last, by its pod's uid. */
  readonly operators = new Map<string, Exposed>();
  readonly #labels: { namespace: string; netexporter: string };
  readonly #onSample: () => void;
  readonly #asked = new Set<string>();

  /** @param labels of the NetExporter's series */
  constructor(labels: { namespace: string; netexporter: string }, onSample: () => void) {
    this.#labels = labels;
    this.#onSample = onSample;
  }

  /** Looks at all of them; what is gone is forgotten. Resolves at once. */
  look(agents: readonly PodFacts[], operators: readonly PodFacts[]): void {
    for (const [known, pods] of [
      [this.agents, agents],
      [this.operators, operators],
    ] as const) {
      const running = new Set(pods.filter(isServing).map(({ uid }) => uid));
      for (const uid of known.keys()) if (!running.has(uid)) known.delete(uid);
    }
    for (const pod of agents.filter(isServing))
      this.#ask(pod, pod.port, (metrics) => {
        const sample = agentSample(metrics, performance.now());
        const before = this.agents.get(pod.uid);
        if (before) before.next = sample;
        this.agents.set(pod.uid, sample);
      });
    for (const pod of operators.filter(isServing))
      this.#ask(pod, operatorPort, (metrics) => {
        this.operators.set(pod.uid, exposedBy(pod.name, metrics, this.#labels));
      });
  }

  #ask({ uid, ip, restarts }: PodFacts, port: number, take: (metrics: Metrics) => void): void {
    const key = `${uid}/${restarts}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    void scrape(`http://${formatHostPort(ip, port)}/metrics`)
      .then((metrics) => {
        take(metrics);
        this.#onSample();
      })
      // One that does not answer has ended, or hangs: its last sample grows old.
      .catch(() => {})
      .finally(() => this.#asked.delete(key));
  }
}

const isServing = ({ ip, hasEnded, isRunning }: PodFacts) => ip !== '' && !hasEnded && isRunning;

/** What an agent says of itself. @param at monotonic milliseconds */
export function agentSample(metrics: Metrics, at: number): AgentSample {
  return {
    at,
    generation: metrics.sum('net_exporter_settings_generation'),
    revision: metrics.sum('net_exporter_assignment_revision'),
    syncAge: metrics.sum('net_exporter_sync_age_seconds') * 1000,
    answers: metrics.sum('net_exporter_sync_requests_total', { result: 'ok' }),
  };
}

/** What an operator exposes of the NetExporter with these labels. */
export function exposedBy(pod: string, metrics: Metrics, labels: Record<string, string>): Exposed {
  const value = (name: string) => metrics.find(name, labels)[0]?.value;
  const agents = metrics.find('net_exporter_agents', labels).map(({ labels, value }) => [labels.state, value]);
  const series = metrics.find('net_exporter_resource_condition', labels);
  const conditions = new Map<string, string>();
  for (const { labels, value } of series)
    if (value === 1) conditions.set(labels.type!, conditions.has(labels.type!) ? 'several' : labels.status!);
  return {
    pod,
    agents: Object.fromEntries(agents),
    conditions: Object.fromEntries(conditions),
    generation: value('net_exporter_generation'),
    observedGeneration: value('net_exporter_observed_generation'),
  };
}
