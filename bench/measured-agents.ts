import { waitFor } from '../test/cluster/wait.ts';
import { type Agent, agentsOf, hostOf } from '../test/e2e/agents.ts';
import { apply, deadline, netExporter, waitForAgents } from '../test/e2e/environment.ts';
import type { Metrics } from '../test/e2e/metrics.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { type Scrape, Scraper, scrapeAll } from './scraper.ts';

/** An agent under measurement. */
export interface MeasuredAgent extends Agent {
  scraper: Scraper;
}

/** Probes every second: many exchanges in little time. */
export const everySecond = { interval: '1s', timeout: '1s' };

/** spec.network.peersPerAgent where none is written. */
const defaultPeers = 10;

const latencies = ['dns_latency_seconds', 'network_latency_seconds'] as const;
const errors = ['dns_resolve_error_total', 'network_dial_error_total'] as const;

/** Runs `body` on the agents of a NetExporter once they probe all their targets, and removes them afterwards. */
export async function withAgents<T>(
  bench: BenchCluster,
  name: string,
  spec: object,
  body: (agents: MeasuredAgent[]) => Promise<T>,
): Promise<T> {
  await apply(bench.kubectl, netExporter(namespace, name, spec));
  let agents: MeasuredAgent[] = [];
  try {
    agents = await probingAgents(
      bench,
      await waitForAgents(bench.kubectl, namespace, name, bench.cluster.nodes.length),
    );
    return await body(agents);
  } finally {
    for (const { scraper } of agents) scraper.close();
    // What went wrong before must be told, not that the agents could not be removed after it.
    await removeAgents(bench, name).catch((error: Error) =>
      bench.log(`agents of ${name} may remain: ${error.message}`),
    );
  }
}

async function removeAgents({ kubectl }: BenchCluster, name: string): Promise<void> {
  await kubectl(['delete', 'netexporter', '-n', namespace, name, '--cascade=foreground', '--timeout=120s']);
  await waitFor(
    `the end of the agents of ${name}`,
    async () => (await agentsOf(kubectl, namespace, name)).length === 0,
    { timeout: deadline, interval: 500 },
  );
}

/**
 * Waits until all that these agents should probe was probed: their Service, and of the agents as many as the defaults
 * say.
 * @param others what they know beside each other, as `ip:port`
 */
export async function probingAgents(
  { signal }: BenchCluster,
  found: readonly Agent[],
  others: readonly string[] = [],
): Promise<MeasuredAgent[]> {
  const agents = found.map((agent) => ({ ...agent, scraper: new Scraper(hostOf(agent)) }));
  const known = new Set([...found.map(hostOf), ...others]);
  const peers = Math.min(defaultPeers, known.size - 1);
  for (const agent of agents)
    await waitFor(
      `probes of all targets by ${agent.pod}`,
      async () => {
        const { metrics } = await agent.scraper.scrape();
        const dialled = metrics.find('network_latency_seconds_count', { protocol: 'TCP' });
        const knownOnes = dialled.filter(({ labels }) => known.has(labels.host ?? ''));
        return knownOnes.length === peers && dialled.length === peers + 1 && unprobed(metrics) === 0;
      },
      { timeout: deadline, interval: 500, signal },
    );
  return agents;
}

/** How many things an agent probes. */
export function targets(metrics: Metrics): number {
  return latencies.reduce((sum, name) => sum + metrics.find(`${name}_count`).length, 0);
}

/** How many probes an agent has made of them, with whatever result. */
export function attempts(metrics: Metrics): number {
  const succeeded = latencies.reduce((sum, name) => sum + metrics.sum(`${name}_count`), 0);
  return succeeded + errors.reduce((sum, name) => sum + metrics.sum(name), 0);
}

/** Scrapes all agents at once. */
export async function scrapeAgents(agents: readonly MeasuredAgent[]): Promise<Scrape[]> {
  return await scrapeAll(agents.map(({ scraper }) => scraper));
}

function unprobed(metrics: Metrics): number {
  return latencies.reduce(
    (sum, name) => sum + metrics.find(`${name}_count`).filter(({ value }) => value === 0).length,
    0,
  );
}
