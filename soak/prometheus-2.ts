import { mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { figure } from '../bench/figures.ts';
import { ensureSystemCommands } from '../test/cluster/packages.ts';
import { documentedConfiguration, Prometheus, type PrometheusServer } from '../test/cluster/prometheus.ts';
import { TimeoutError, waitFor } from '../test/cluster/wait.ts';
import { latencyByHost } from '../test/demo/closing-lines.ts';
import { latencyTable } from '../test/demo/latency-table.ts';
import { type Agent, getNetExporter } from '../test/e2e/agents.ts';
import { documentedQueries, netExporterQueries } from '../test/e2e/documented-queries.ts';
import { apply, deadline, netExporter, quick, waitForAgents } from '../test/e2e/environment.ts';
import { missingSeries } from '../test/e2e/expected-series.ts';
import { forwardTable } from '../test/judge/packet-rules.ts';
import { shiftedAnswer, startNtpServer } from '../test/unit/agent/servers/ntp-server.ts';
import { machineAddress } from './machine-address.ts';
import type { Soak } from './soak.ts';

const nodes = 2;
const name = 'soak';
const scrapeSeconds = 5;
/** Seconds between two looks. */
const pause = 10;

/** The demo's own query is limited to the demo's namespace. */
const queries = [
  ...new Set([...documentedQueries(), ...netExporterQueries, latencyByHost.replace(/\{namespace=.*?\}/, '')]),
];

/**
 * The Prometheus of Debian 12 (2.42), which some users still run, beside the one of the tests: with docs/prometheus.yml
 * and the same targets, both must hold the same series, also under each query that users are given. Names do not
 * exist, packets are lost and clocks differ, so that queries for faults have something to return. Debian builds its
 * Prometheus without the discovery of Kubernetes: the other one tells it what it has found.
 */
export const run: Soak = async ({ minutes, signal, log }) => {
  await ensureSystemCommands(['prometheus'], log);
  return await BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    await using time = await startNtpServer(
      (request, send) => send(shiftedAnswer(request, 1)),
      await machineAddress(bench),
    );
    const spec = {
      dns: { ...quick, hosts: ['kubernetes.default.svc.cluster.local.', 'absent.invalid.'] },
      network: { ...quick, protocols: ['TCP', 'UDP'] },
      ntp: { ...quick, enabled: true, servers: [`${time.host}:${time.port}`] },
    };
    await apply(bench.kubectl, netExporter(namespace, name, spec));
    const agents = await waitForAgents(bench.kubectl, namespace, name, nodes);
    await losePackets(bench, agents);
    const { kubeconfig } = bench.cluster;
    const newer = await start(bench, 'prometheus-3', await documentedConfiguration(kubeconfig, scrapeSeconds));
    try {
      const targets = join(bench.directory, 'targets.json');
      await writeTargets(newer, targets);
      const configuration = await documentedConfiguration(kubeconfig, scrapeSeconds);
      for (const scrape of configuration.scrape_configs) {
        delete scrape.kubernetes_sd_configs;
        scrape.file_sd_configs = [{ files: [targets] }];
      }
      const older = await start(bench, 'prometheus-2', configuration, 'prometheus');
      try {
        const versions = { older: await older.version(), newer: await newer.version() };
        if (!/^2\./.test(versions.older))
          throw new Error(`the Prometheus of this machine is ${versions.older}, not 2.x`);
        const comparison = new Comparison(bench, older, newer, agents);
        const endAt = performance.now() + minutes * 60_000;
        do {
          await writeTargets(newer, targets);
          await comparison.look();
          log(`${comparison.looks} looks at ${queries.length} queries; ${comparison.failures.length} failures`);
          await bench.pass(pause);
        } while (performance.now() < endAt);
        const { looks, failures, answered } = comparison;
        const figures = [
          figure('looks', looks, '', { atLeast: 1 }),
          figure('queries', queries.length, ''),
          figure('queries_that_returned_series', answered.size, '', { atLeast: queries.length }),
        ];
        return { figures, failures, details: { versions, queries } };
      } finally {
        await older.stop();
      }
    } finally {
      await newer.stop();
    }
  });
};

/** The first node loses dials of the agent on the other one, and every second echo to it. */
async function losePackets({ cluster }: BenchCluster, [first, second]: Agent[]): Promise<void> {
  const match = `ip daddr ${second!.ip}`;
  const rules = [
    `${match} tcp dport ${second!.port} drop`,
    `${match} udp dport ${second!.port} numgen inc mod 2 < 1 drop`,
  ];
  await cluster.exec(first!.node, ['nft', '-f', '-'], { input: forwardTable('soak', rules) });
}

async function start(
  { directory }: BenchCluster,
  folder: string,
  configuration: Awaited<ReturnType<typeof documentedConfiguration>>,
  program?: string,
): Promise<Prometheus> {
  const own = join(directory, folder);
  mkdirSync(own);
  return await Prometheus.start({ directory: own, configuration, ...(program !== undefined && { program }) });
}

/** Writes what a Prometheus has discovered for the file_sd_configs of another, in one step. */
async function writeTargets(prometheus: Prometheus, file: string): Promise<void> {
  const discovered = await waitFor(
    'targets of the discovery',
    async () => {
      const { active, dropped } = await prometheus.discovered();
      return active.length > 0 ? [...active, ...dropped] : undefined;
    },
    { timeout: deadline },
  );
  const groups = discovered.map((labels) => ({
    targets: [labels.__address__],
    labels: Object.fromEntries(Object.entries(labels).filter(([label]) => label.startsWith('__meta_'))),
  }));
  await writeFile(`${file}.new`, JSON.stringify(groups));
  await rename(`${file}.new`, file);
}

/** Looks at both again and again. */
class Comparison {
  looks = 0;
  /** What was not as it must be. */
  readonly failures: string[] = [];
  /** The queries that returned something. */
  readonly answered = new Set<string>();
  readonly #bench: BenchCluster;
  readonly #older: PrometheusServer;
  readonly #newer: PrometheusServer;
  readonly #agents: Agent[];

  constructor(bench: BenchCluster, older: PrometheusServer, newer: PrometheusServer, agents: Agent[]) {
    this.#bench = bench;
    this.#older = older;
    this.#newer = newer;
    this.#agents = agents;
  }

  async look(): Promise<void> {
    await this.#holds('the series that the tests expect', async () => {
      const { spec } = await getNetExporter(this.#bench.kubectl, namespace, name);
      const expected = { namespace, name, agents: this.#agents, spec, allowFailures: 'all' } as const;
      const missing = await missingSeries(this.#older, expected);
      if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
      return (await latencyTable(this.#older, expected)).complete;
    });
    for (const query of ['up', 'count by (__name__, le) ({job="net-exporter"})', ...queries])
      await this.#holds(query, async () => {
        const [older, newer] = await Promise.all([this.#older, this.#newer].map((server) => seriesOf(server, query)));
        if (older!.length > 0 && queries.includes(query)) this.answered.add(query);
        if (!isDeepStrictEqual(older, newer)) throw new Error(`2.x: ${older!.join(' ')}; 3.x: ${newer!.join(' ')}`);
        return true;
      });
    this.looks++;
  }

  /** What was scraped last may differ for a moment. */
  async #holds(what: string, check: () => Promise<boolean>): Promise<void> {
    try {
      await waitFor(what, check, { timeout: deadline, interval: 1000, signal: this.#bench.signal });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.failures.push(error.message);
    }
  }
}

/** The labels of each series that a query returns, with edges of buckets as numbers: 3.x writes 1 as `1.0`. */
async function seriesOf(prometheus: PrometheusServer, query: string): Promise<string[]> {
  return (await prometheus.query(query))
    .filter(({ value }) => !Number.isNaN(value))
    .map(({ labels: { le, ...labels } }) => {
      const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
      return JSON.stringify([...sorted, ...(le === undefined ? [] : [['le', le === '+Inf' ? le : Number(le)]])]);
    })
    .sort();
}
