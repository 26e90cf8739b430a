import { setTimeout as sleep } from 'node:timers/promises';
import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { readContainerMemory } from '../bench/container-memory.ts';
import { type Scrape, Scraper } from '../bench/scraper.ts';
import { agentNames, agentSelector } from '../src/contract/agent-names.ts';
import { TimeoutError, waitFor } from '../test/cluster/wait.ts';
import { type Agent, agentsOf, getJson, hostOf } from '../test/e2e/agents.ts';
import { apply, deadline, netExporter, waitForAgents } from '../test/e2e/environment.ts';
import { randomSpec, restingSpec, type Surroundings } from './agent-spec.ts';
import { type AgentHistory, type AgentSample, agentFigures, type EditHistory } from './agent-verdict.ts';
import { Random } from './random.ts';
import type { Soak } from './soak.ts';

/** The NetExporter whose agents are watched, and one whose agents are their peers besides, and come and go. */
const watchedName = 'soak';
const peersName = 'soak-peers';
const nodes = 2;
/** How many changes there are between two rests. */
const changesPerRound = 8;
const scrapeEveryMs = 5000;
/** How long an edit may take to reach an agent, in milliseconds. By far the most of it is the kubelet's. */
const editDeadlineMs = 90_000;

/** Counters of the agent's own faults: whatever the network and its settings do, none of them moves. */
const ownErrorCounters = [
  'dns_error_total',
  'network_error_total',
  'ntp_error_total',
  'net_exporter_settings_load_error_total',
];

/**
 * Agents in real pods under settings that change every few seconds: the NetExporter is edited, the operator writes its
 * ConfigMap, and the kubelet, which looks at a mounted ConfigMap about once a minute, is made to look at once by an
 * annotation on the pods. Peers come and go with the agents of another NetExporter, whose pods are deleted now and
 * then, and with addresses that refuse or are not there. After every few changes the agents come back to the same
 * settings; what they then hold must be what they held at first.
 */
export const run: Soak = async ({ seed, minutes, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const random = new Random(seed);
    await apply(bench.kubectl, netExporter(namespace, peersName, {}));
    await apply(bench.kubectl, netExporter(namespace, watchedName, restingSpec));
    const agents = await waitForAgents(bench.kubectl, namespace, watchedName, nodes);
    await waitForAgents(bench.kubectl, namespace, peersName, nodes);
    const watch = await AgentWatch.start(bench, agents);
    const edits = { made: 0, reachedAfter: [] as number[] } satisfies EditHistory;
    const failures: string[] = [];
    try {
      const surroundings = await surroundingsOf(bench);
      await rest(bench, watch, edits, failures);
      const endAt = performance.now() + minutes * 60_000;
      while (performance.now() < endAt) {
        for (let change = 0; change < changesPerRound && performance.now() < endAt; change++) {
          watch.resting = false;
          await movePeers(bench, random);
          await edit(bench, watch, randomSpec(random, surroundings), edits, failures);
          await bench.pass(random.integer(0, 30) / 10);
        }
        await rest(bench, watch, edits, failures);
        log(`${edits.made} edits; ${watch.state()}`);
      }
    } finally {
      await watch.stop();
    }
    const histories = await watch.histories();
    const details = { reachedAfter: edits.reachedAfter, histories };
    return { figures: agentFigures(histories, edits), failures: [...failures, ...watch.failures], details };
  });

/** Edits the NetExporter and waits until all agents have it in effect. */
async function edit(
  bench: BenchCluster,
  watch: AgentWatch,
  spec: object,
  edits: { made: number; reachedAfter: number[] },
  failures: string[],
): Promise<void> {
  const startedAt = performance.now();
  const input = JSON.stringify(netExporter(namespace, watchedName, spec));
  const applied = await bench.kubectl(['apply', '-f', '-', '-o', 'json'], { input });
  const { generation } = (JSON.parse(applied) as { metadata: { generation: number } }).metadata;
  edits.made++;
  let hastened = 0;
  try {
    await waitFor(
      `generation ${generation} on all agents`,
      async () => {
        if (performance.now() - hastened > 2000) {
          await hasten(bench);
          hastened = performance.now();
        }
        const scrapes = await watch.look();
        return scrapes.every(({ metrics }) => metrics.sum('net_exporter_settings_generation') === generation);
      },
      { timeout: editDeadlineMs, interval: 300, signal: bench.signal },
    );
    edits.reachedAfter.push((performance.now() - startedAt) / 1000);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    failures.push(error.message);
  }
}

/** Makes the kubelets look at what is mounted into the agents: a pod that changes is synchronised at once. */
async function hasten({ kubectl }: BenchCluster): Promise<void> {
  const selector = Object.entries(agentSelector(watchedName)).map((pair) => pair.join('='));
  const annotation = `net-exporter-soak/looked=${Math.round(performance.now())}`;
  await kubectl(['annotate', 'pods', '-n', namespace, '-l', selector.join(), '--overwrite', annotation]);
}

/**
 * Comes back to the first settings and peers, waits until the agents hold what they held then, and takes note of it.
 */
async function rest(
  bench: BenchCluster,
  watch: AgentWatch,
  edits: { made: number; reachedAfter: number[] },
  failures: string[],
): Promise<void> {
  await bench.kubectl(['delete', 'endpointslice', '-n', namespace, peerSlice, '--ignore-not-found']);
  await edit(bench, watch, restingSpec, edits, failures);
  try {
    await waitFor('the series of the agents at rest', async () => watch.restingSeriesAreThere(await watch.look()), {
      timeout: deadline,
      interval: 1000,
      signal: bench.signal,
    });
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    failures.push(error.message);
  }
  watch.resting = true;
  for (let time = 0; time < 3; time++) {
    await bench.pass(1);
    await watch.note();
  }
}

const peerSlice = `${watchedName}-peers-that-come-and-go`;

/**
 * Gives the agents other peers: some of the other NetExporter's agents, which may be about to go, and addresses without
 * one.
 */
async function movePeers(bench: BenchCluster, random: Random): Promise<void> {
  const { kubectl, cluster } = bench;
  const peers = await agentsOf(kubectl, namespace, peersName);
  const refusing = cluster.nodes.flatMap(({ addresses }) => addresses[0]!);
  const candidates = [...peers.map(({ ip }) => ip), ...refusing, ...absentAddresses(bench)];
  const addresses = random.sample(candidates, random.integer(1, candidates.length));
  await apply(kubectl, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: peerSlice,
      labels: {
        'kubernetes.io/service-name': agentNames(watchedName).peers,
        'endpointslice.kubernetes.io/managed-by': 'net-exporter-soak',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'metrics', port: 8000, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
  if (peers.length > 0 && random.chance(0.15))
    await kubectl(['delete', 'pod', '-n', namespace, random.pick(peers).pod, '--wait=false', '--ignore-not-found']);
}

/** Addresses on the nodes' own link that none of them has. */
function absentAddresses({ cluster }: BenchCluster): string[] {
  const link = cluster.nodes[0]!.addresses[0]!.split('.').slice(0, 3).join('.');
  return [241, 242, 243, 244].map((last) => `${link}.${last}`);
}

async function surroundingsOf(bench: BenchCluster): Promise<Surroundings> {
  const args = ['pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns'];
  const { items } = await getJson<{ items: { status: { podIP?: string } }[] }>(bench.kubectl, args);
  return {
    servers: items.flatMap(({ status }) => status.podIP ?? []),
    deafServers: [...bench.cluster.nodes.flatMap(({ addresses }) => addresses[0]!), ...absentAddresses(bench)],
  };
}

/** Looks at agents again and again. */
class AgentWatch {
  /** What was not as it must be. */
  readonly failures: string[] = [];
  /** Whether the agents are to be at rest now. */
  resting = false;
  readonly #bench: BenchCluster;
  readonly #agents: readonly (Agent & { scraper: Scraper; cgroup: string; samples: AgentSample[] })[];
  readonly #startedAt = performance.now();
  readonly #stopping = new AbortController();
  #restingSeries: string | undefined;
  #first: Scrape[] = [];
  #last: Scrape[] = [];
  #scraping: Promise<void> = Promise.resolve();

  private constructor(bench: BenchCluster, agents: readonly (Agent & { cgroup: string })[]) {
    this.#bench = bench;
    this.#agents = agents.map((agent) => ({ ...agent, scraper: new Scraper(hostOf(agent)), samples: [] }));
  }

  static async start(bench: BenchCluster, agents: readonly Agent[]): Promise<AgentWatch> {
    const cgroups = await Promise.all(agents.map(({ pod }) => bench.cluster.podCgroup(namespace, pod, 'agent')));
    const watch = new AgentWatch(
      bench,
      agents.map((agent, n) => ({ ...agent, cgroup: cgroups[n]! })),
    );
    watch.#first = await watch.look();
    watch.#scraping = watch.#scrape();
    return watch;
  }

  /** Scrapes all agents now. */
  async look(): Promise<Scrape[]> {
    this.#last = await Promise.all(this.#agents.map(({ scraper }) => scraper.scrape()));
    return this.#last;
  }

  /** Takes note of what the agents hold now. */
  async note(): Promise<void> {
    const { resting } = this;
    const scrapes = await this.look();
    const at = (performance.now() - this.#startedAt) / 1000;
    for (const [n, { samples, cgroup }] of this.#agents.entries()) {
      const { metrics, series } = scrapes[n]!;
      const { workingSet, anon } = readContainerMemory(cgroup);
      samples.push({ at, workingSet, anon, series, descriptors: metrics.sum('process_open_fds'), resting });
    }
  }

  /**
   * Whether the agents have the series that they had at the first rest; at that one, whether they have probed all that
   * they shall.
   */
  restingSeriesAreThere(scrapes: readonly Scrape[]): boolean {
    const now = scrapes.map(({ series }) => series).join();
    const network = scrapes.map(({ metrics }) => metrics.find('network_latency_seconds_count', { protocol: 'TCP' }));
    const probed = network.every((counts) => counts.length === nodes && counts.every(({ value }) => value > 0));
    if (this.#restingSeries === undefined && probed && timed(scrapes)) this.#restingSeries = now;
    return now === this.#restingSeries;
  }

  /** One line about the agents. */
  state(): string {
    return this.#agents
      .map(({ node, samples }) => {
        const { anon, workingSet, descriptors, series } = samples.at(-1)!;
        const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
        return `${node}: ${mebibytes(anon)} anonymous, ${mebibytes(workingSet)} working set, ${descriptors} descriptors, ${series} series`;
      })
      .join('; ');
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scraping;
    for (const { scraper } of this.#agents) scraper.close();
  }

  async histories(): Promise<AgentHistory[]> {
    const now = await agentsOf(this.#bench.kubectl, namespace, watchedName);
    return this.#agents.map(({ pod, uid, node, samples }, n) => ({
      agent: node,
      samples,
      ownErrors: Object.fromEntries(
        ownErrorCounters.map((name) => [name, this.#last[n]!.metrics.sum(name) - this.#first[n]!.metrics.sum(name)]),
      ),
      // One that is gone was replaced: that is a restart, too.
      restarts: now.find((agent) => agent.pod === pod && agent.uid === uid)?.restarts ?? 1,
    }));
  }

  async #scrape(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.note();
      } catch (error) {
        this.failures.push(`an agent could not be scraped: ${(error as Error).message}`);
      }
      await sleep(scrapeEveryMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** Whether each probe in use has told where its latencies come from, which it does with the first of them. */
function timed(scrapes: readonly Scrape[]): boolean {
  return scrapes.every(({ metrics }) => metrics.find('net_exporter_timing_info').length >= 3);
}
