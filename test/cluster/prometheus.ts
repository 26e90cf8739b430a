import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureBinaries } from './binaries.ts';
import { isRunning, type ProcessId, startDaemon, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

/** One series of an instant query's answer. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export interface PrometheusOptions {
  /** Path of the kubeconfig that the discovery uses. */
  kubeconfig: string;
  /** An existing folder for its configuration, data and log. */
  directory: string;
  scrapeIntervalSeconds: number;
  /** Asked for first, any free port after that. */
  port?: number;
  /** Added to each scrape configuration, for clusters whose pods this machine does not reach. */
  scrapeConfig?: Record<string, unknown>;
  /** Environment of the discovery, for a kubeconfig whose credentials come from a program. */
  discoveryEnvironment?: NodeJS.ProcessEnv;
  /** Added after the relabelling of docs/prometheus.yml. */
  relabelConfigs?: Record<string, unknown>[];
}

/** A Prometheus that answers queries. */
export class PrometheusServer {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /**
   * An instant query.
   * @throws Error with Prometheus's own message when it refuses the expression
   */
  async query(expression: string): Promise<Sample[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const answer = (await response.json()) as QueryAnswer;
    if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }
}

/**
 * A Prometheus of our own on this machine's loopback, configured by docs/prometheus.yml, the file that users are given.
 * Debian builds it without the discovery of Kubernetes, so Prometheus's own code for that runs beside it
 * (go/discovery).
 */
export class Prometheus extends PrometheusServer {
  readonly #processes: ProcessId[];

  private constructor(url: string, processes: ProcessId[]) {
    super(url);
    this.#processes = processes;
  }

  /** Starts it and resolves when it is ready to answer. */
  static async start(options: PrometheusOptions): Promise<Prometheus> {
    const port = await freePort(options.port);
    const { directory } = options;
    const configuration = join(directory, 'prometheus.yml');
    const { document, discoveries } = await configure(options);
    await writeFile(configuration, stringify(document));
    const start = (name: string, argv: string[], env: NodeJS.ProcessEnv = {}) =>
      startDaemon({
        // It ends with this process, also when that is killed.
        argv: ['setpriv', '--pdeathsig', 'KILL', ...argv],
        ...{ logFile: join(directory, `${name}.log`), cwd: directory, cgroups: [], env },
      });
    const daemon = await start('prometheus', [
      'prometheus',
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, [daemon]);
    try {
      await prometheus.#ready(daemon, join(directory, 'prometheus.log'));
      const command = join((await ensureBinaries(() => {})).directory, 'discovery');
      for (const { configuration, output } of discoveries)
        prometheus.#processes.push(
          await start('discovery', [command, configuration, output], options.discoveryEnvironment),
        );
      return prometheus;
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
  }

  async #ready(daemon: ProcessId, logFile: string): Promise<void> {
    await waitFor(
      'Prometheus',
      async () => {
        if (!isRunning(daemon)) return true;
        return (await fetch(`${this.url}/-/ready`)).ok;
      },
      { timeout: 120_000 },
    );
    if (!isRunning(daemon)) throw new Error(`Prometheus ended at once: ${await readFile(logFile, 'utf8')}`);
  }

  /** Ends it and waits for its end. */
  async stop(): Promise<void> {
    for (const daemon of this.#processes) await stopProcess(daemon);
  }
}

type QueryAnswer =
  | { status: 'success'; data: { result: { metric: Record<string, string>; value: [number, string] }[] } }
  | { status: 'error'; error: string };

interface ScrapeConfig {
  kubernetes_sd_configs?: Record<string, unknown>[];
  file_sd_configs?: Record<string, unknown>[];
  relabel_configs: Record<string, unknown>[];
}

/** A discovery to run: what it reads and what it writes. */
interface Discovery {
  configuration: string;
  output: string;
}

async function configure(options: PrometheusOptions): Promise<{ document: object; discoveries: Discovery[] }> {
  const document = parse(await readFile(new URL('../../docs/prometheus.yml', import.meta.url), 'utf8')) as {
    global: Record<string, unknown>;
    scrape_configs: ScrapeConfig[];
  };
  const discoveries: Discovery[] = [];
  document.global.scrape_interval = `${options.scrapeIntervalSeconds}s`;
  for (const scrape of document.scrape_configs) {
    for (const kubernetes of scrape.kubernetes_sd_configs ?? []) {
      const base = join(options.directory, `discovery-${discoveries.length}`);
      const discovery = { configuration: `${base}.yml`, output: `${base}.json` };
      discoveries.push(discovery);
      await writeFile(discovery.configuration, stringify({ ...kubernetes, kubeconfig_file: options.kubeconfig }));
      scrape.file_sd_configs = [...(scrape.file_sd_configs ?? []), { files: [discovery.output] }];
    }
    delete scrape.kubernetes_sd_configs;
    scrape.relabel_configs.push(...(options.relabelConfigs ?? []));
    Object.assign(scrape, options.scrapeConfig);
  }
  return { document, discoveries };
}

/** A port of the loopback that is free now: `wanted` if it can be had. */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(wanted, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  } catch (error) {
    if (wanted === 0) throw error;
    return freePort();
  } finally {
    server.close();
  }
}
