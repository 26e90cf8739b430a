import { writeFile } from 'node:fs/promises';
import { type Agent, getJson, hostOf } from '../test/e2e/agents.ts';
import { waitForAgents } from '../test/e2e/environment.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { type ContainerMemory, readContainerMemory } from './container-memory.ts';
import { figure } from './figures.ts';
import { withPeers } from './joined-peers.ts';
import { captureOn } from './latency-window.ts';
import { type MeasuredAgent, probingAgents, scrapeAgents, withAgents } from './measured-agents.ts';
import type { Scrape } from './scraper.ts';
import type { Section, SectionResult } from './section.ts';
import { quantile } from './statistics.ts';

const name = 'footprint';
/**
 * Further NetExporters, whose agents are peers of the measured ones: with three nodes, there are eleven others for
 * each, of which it probes ten.
 */
const peerNames = ['footprint-peers-1', 'footprint-peers-2', 'footprint-peers-3'];
const scrapeIntervalSeconds = 15;
/** How many requests the handler's p99 is taken from, and how fast they come. */
const requests = 200;
const requestsPerSecond = 5;

/** Memory, CPU and exposition of agents with the defaults, ten peers and three DNS servers, scraped every 15 s. */
export const footprint: Section = async (bench, quick) => {
  const servers = await dnsPods(bench);
  const spec = { dns: { servers } };
  bench.log('emptying the page cache, so that the agents are charged with every page of their files that they use');
  await writeFile('/proc/sys/vm/drop_caches', '1');
  return await withAgents(bench, name, spec, async (alone) =>
    withAll(bench, peerNames, spec, async (peers) => {
      const windows = quick ? 4 : 16;
      const [cold, handler] = await joined(bench, name, alone, peers, async (agents) => [
        await observe(bench, agents, windows),
        await handlerSeconds(bench, agents[0]!),
      ]);
      bench.log('second start, with the files in memory');
      await bench.kubectl(['delete', 'pods', '-n', namespace, ...alone.map(({ pod }) => pod)]);
      const again = await waitForAgents(bench.kubectl, namespace, name, alone.length);
      const second = await joined(bench, name, again, peers, (agents) =>
        observe(bench, agents, Math.ceil(windows / 2)),
      );
      return resultOf(cold, second, handler, { servers: servers.length + 1, peers: peers.length + alone.length - 1 });
    }),
  );
};

const udpName = 'footprint-udp';

/**
 * CPU and exposition of agents that probe five peers every 5 s, by TCP and five UDP packets, beside lookups at the
 * cluster's DNS servers.
 */
export const udpFootprint: Section = async (bench, quick) => {
  const often = { interval: '5s', timeout: '2s' };
  const network = { ...often, protocols: ['TCP', 'UDP'], udp: { packets: 5, size: 64 } };
  const spec = { dns: { ...often, servers: await dnsPods(bench) }, network };
  return await withAgents(bench, udpName, spec, async (alone) =>
    withAll(bench, ['footprint-udp-peers'], spec, async (peers) => {
      const observed = await joined(bench, udpName, alone, peers, (agents) => observe(bench, agents, quick ? 4 : 12));
      const series = Math.max(...observed.scrapes.map((scrape) => scrape.series));
      return {
        figures: [
          figure('cpu_ratio_udp', Math.max(...observed.cpuRatios), '', { atMost: 0.005 }),
          figure('series_udp', series, '', { atMost: 550 }),
        ],
        details: summary(observed),
      };
    }),
  );
};

function resultOf(
  cold: Observation,
  second: Observation,
  handler: readonly number[],
  counts: { servers: number; peers: number },
): SectionResult {
  const highest = (key: keyof ContainerMemory) =>
    Math.max(...[cold, second].flatMap(({ memory }) => memory.map((sample) => sample[key])));
  const mostOf = (key: 'series' | 'gzipBytes') => Math.max(...cold.scrapes.map((scrape) => scrape[key]));
  const figures = [
    figure('working_set_bytes', highest('workingSet'), 'B', { atMost: 24 * 2 ** 20 }),
    figure('anon_bytes', highest('anon'), 'B'),
    figure('rss_bytes', highest('rss'), 'B'),
    figure('cpu_ratio', Math.max(...cold.cpuRatios), '', { atMost: 0.002 }),
    figure('series', mostOf('series'), '', { atMost: 550 }),
    figure('scrape_gzip_bytes', mostOf('gzipBytes'), 'B', { atMost: 10_000 }),
    figure('scrape_p99_seconds', quantile(handler, 0.99), 's', { atMost: 0.01 }),
  ];
  const details = {
    agentsThatAreKnown: counts.peers,
    dnsServers: counts.servers,
    coldStart: summary(cold),
    secondStart: summary(second),
    scrapeSeconds: {
      measured: "from the request's arrival at the pod's eth0 to the last segment of its answer there",
      requests: handler.length,
      p50: quantile(handler, 0.5),
      p90: quantile(handler, 0.9),
    },
  };
  return { figures, details };
}

/** Runs `body` with the agents of several NetExporters. */
async function withAll<T>(
  bench: BenchCluster,
  [first, ...others]: readonly string[],
  spec: object,
  body: (agents: readonly Agent[]) => Promise<T>,
): Promise<T> {
  if (first === undefined) return await body([]);
  return await withAgents(bench, first, spec, (own) =>
    withAll(bench, others, spec, (agents) => body([...own, ...agents])),
  );
}

/** Runs `body` with the agents of `name` once each of them dials all it should: each other and others. */
async function joined<T>(
  bench: BenchCluster,
  name: string,
  measured: readonly Agent[],
  peers: readonly Agent[],
  body: (agents: MeasuredAgent[]) => Promise<T>,
): Promise<T> {
  return await withPeers(bench, name, peers, async () => {
    const agents = await probingAgents(bench, measured, peers.map(hostOf));
    try {
      return await body(agents);
    } finally {
      for (const { scraper } of agents) scraper.close();
    }
  });
}

interface Observation {
  /** Of every agent at every scrape. */
  memory: ContainerMemory[];
  scrapes: Scrape[];
  /** Share of one core, of every agent, from the first scrape to the last. */
  cpuRatios: number[];
}

/** Scrapes all agents every 15 s, `times` times after the first, and looks at their memory each time. */
async function observe(bench: BenchCluster, agents: readonly MeasuredAgent[], times: number): Promise<Observation> {
  const cgroups = await Promise.all(agents.map(({ pod }) => bench.cluster.podCgroup(namespace, pod, 'agent')));
  const first = await scrapeAgents(agents);
  const memory: ContainerMemory[] = [];
  let last = first;
  for (let time = 0; time < times; time++) {
    await bench.pass(scrapeIntervalSeconds);
    last = await scrapeAgents(agents);
    memory.push(...cgroups.map(readContainerMemory));
  }
  const cpuRatios = last.map(({ metrics, at }, i) => {
    const { metrics: earlier, at: since } = first[i]!;
    const name = 'process_cpu_seconds_total';
    return (metrics.sum(name) - earlier.sum(name)) / (at - since);
  });
  return { memory, scrapes: last, cpuRatios };
}

function summary({ memory, cpuRatios }: Observation) {
  const of = (key: keyof ContainerMemory) => {
    const values = memory.map((sample) => sample[key]);
    return { min: Math.min(...values), median: quantile(values, 0.5), max: Math.max(...values) };
  };
  return { workingSet: of('workingSet'), anon: of('anon'), rss: of('rss'), cpuRatios };
}

/** How long an agent works on a request, seen from its own eth0: a client's clock would add the client's own delays. */
async function handlerSeconds(bench: BenchCluster, agent: MeasuredAgent): Promise<number[]> {
  const capture = await captureOn(bench, agent);
  const ports = new Set<number>();
  try {
    for (let made = 0; made < requests; made++) {
      ports.add((await agent.scraper.scrape()).localPort);
      await bench.pass(1 / requestsPerSecond);
    }
  } finally {
    await capture.stop();
  }
  const seconds: number[] = [];
  for (const port of ports) seconds.push(...(await capture.requestSeconds(port, agent.port)));
  return seconds;
}

/** The addresses of the cluster's DNS pods. */
async function dnsPods({ kubectl }: BenchCluster): Promise<string[]> {
  const args = ['pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns'];
  const { items } = await getJson<{ items: { status: { podIP?: string } }[] }>(kubectl, args);
  return items.flatMap(({ status }) => status.podIP ?? []);
}
