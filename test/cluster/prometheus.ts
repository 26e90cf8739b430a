import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { ensureBinaries } from './binaries.ts';
import { freePort } from './free-port.ts';
import { isRunning, type ProcessId, startDaemon, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

/** One series of an instant query's answer. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** The samples of one series within a time. */
export interface SampledSeries {
  labels: Record<string, string>;
  /** Seconds since the epoch, oldest first. */
  times: number[];
}

/** As Prometheus reads it, as far as it is changed here. */
export interface PrometheusConfiguration {
  global: Record<string, unknown>;
  rule_files?: string[];
  scrape_configs: ScrapeConfig[];
  alerting?: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
}

export interface ScrapeConfig {
  job_name: string;
  kubernetes_sd_configs?: Record<string, unknown>[];
  file_sd_configs?: Record<string, unknown>[];
  static_configs?: { targets: string[] }[];
  relabel_configs: RelabelConfig[];
  [field: string]: unknown;
}

export interface RelabelConfig {
  source_labels?: string[];
  target_label?: string;
  [field: string]: unknown;
}

export interface PrometheusOptions {
  /** An existing folder for its configuration, data and log. */
  directory: string;
  configuration: PrometheusConfiguration;
  /** Recording rules and alerts, instead of those that the configuration names. */
  rules?: { groups: object[] };
  /** Asked for first, any free port after that. */
  port?: number;
  /** For a kubeconfig whose credentials come from a program. */
  environment?: NodeJS.ProcessEnv;
  /** Another Prometheus than the one that is built with the cluster. */
  program?: string;
}

/** A rule that is loaded. */
export interface LoadedRule {
  name: string;
  group: string;
  /** Of an alert; undefined for a recording rule. */
  state?: 'inactive' | 'pending' | 'firing';
}

/** A target as the discovery found it, before relabelling. */
export type DiscoveredLabels = Record<string, string>;

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
    const { result } = await this.#get<QueryResult>(`query?${new URLSearchParams({ query: expression })}`);
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** A query over the last seconds: each series that had a value in that time, with its newest one. */
  async queryRange(expression: string, seconds: number, step: number): Promise<Sample[]> {
    const end = Math.floor(Date.now() / 1000);
    const parameters = { query: expression, start: `${end - seconds}`, end: `${end}`, step: `${step}` };
    const { result } = await this.#get<RangeResult>(`query_range?${new URLSearchParams(parameters)}`);
    return result.map(({ metric, values }) => ({ labels: metric, value: Number(values.at(-1)![1]) }));
  }

  /** When a series that a selector finds had samples. @param range such as `ALERTS[10m]` */
  async samples(range: string): Promise<SampledSeries[]> {
    const { result } = await this.#get<RangeResult>(`query?${new URLSearchParams({ query: range })}`);
    return result.map(({ metric, values }) => ({ labels: metric, times: values.map(([time]) => time) }));
  }

  /** What the discovery has found: targets that are scraped, and those that relabelling dropped. */
  async discovered(): Promise<{ active: DiscoveredLabels[]; dropped: DiscoveredLabels[] }> {
    const { activeTargets, droppedTargets } = await this.#get<Targets>('targets');
    const labelsOf = (targets: Targets['activeTargets']) => targets.map(({ discoveredLabels }) => discoveredLabels);
    return { active: labelsOf(activeTargets), dropped: labelsOf(droppedTargets) };
  }

  /** All recording rules and alerts. */
  async rules(): Promise<LoadedRule[]> {
    const { groups } = await this.#get<{ groups: { name: string; rules: LoadedRule[] }[] }>('rules');
    return groups.flatMap(({ name: group, rules }) =>
      rules.map(({ name, state }) => ({ name, group, ...(state && { state }) })),
    );
  }

  /** Its version, such as `3.13.5`. */
  async version(): Promise<string> {
    return (await this.#get<{ version: string }>('status/buildinfo')).version;
  }

  async #get<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${this.url}/api/v1/${path}`)).json()) as Answer<T>;
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}

/** A Prometheus of our own on this machine's loopback. */
export class Prometheus extends PrometheusServer {
  readonly #daemon: ProcessId;
  readonly #logFile: string;

  private constructor(url: string, daemon: ProcessId, logFile: string) {
    super(url);
    this.#daemon = daemon;
    this.#logFile = logFile;
  }

  /** Starts it and resolves when it is ready to answer. */
  static async start({
    directory,
    configuration,
    rules,
    program,
    environment = {},
    ...options
  }: PrometheusOptions): Promise<Prometheus> {
    const port = await freePort(options.port);
    const binaries = await ensureBinaries(() => {});
    const configurationFile = join(directory, 'prometheus.yml');
    const rulesFile = join(directory, 'rules.yml');
    if (rules) await writeFile(rulesFile, stringify(rules));
    await writeFile(configurationFile, stringify({ ...configuration, ...(rules && { rule_files: [rulesFile] }) }));
    // Where it looks for its web interface when that is not built in.
    await symlink(binaries.prometheusAssets, join(directory, 'static'));
    const logFile = join(directory, 'prometheus.log');
    const daemon = await startDaemon({
      // It ends with this process, also when that is killed.
      argv: [
        ...['setpriv', '--pdeathsig', 'KILL', program ?? join(binaries.directory, 'prometheus')],
        `--config.file=${configurationFile}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      ...{ logFile, cwd: directory, cgroups: [], env: environment },
    });
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, daemon, logFile);
    try {
      await prometheus.#ready();
      return prometheus;
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
  }

  async #ready(): Promise<void> {
    await waitFor(
      'Prometheus',
      async () => {
        if (!isRunning(this.#daemon)) return true;
        return (await fetch(`${this.url}/-/ready`)).ok;
      },
      { timeout: 120_000 },
    );
    if (!isRunning(this.#daemon)) throw new Error(`Prometheus ended at once: ${await this.log()}`);
  }

  /** All that it has logged. */
  async log(): Promise<string> {
    return await readFile(this.#logFile, 'utf8');
  }

  /** Ends it and waits for its end. */
  async stop(): Promise<void> {
    await stopProcess(this.#daemon);
  }
}

type Answer<T> = { status: 'success'; data: T } | { status: 'error'; error: string };

interface QueryResult {
  result: { metric: Record<string, string>; value: [number, string] }[];
}

interface RangeResult {
  result: { metric: Record<string, string>; values: [number, string][] }[];
}

interface Targets {
  activeTargets: { discoveredLabels: DiscoveredLabels }[];
  droppedTargets: { discoveredLabels: DiscoveredLabels }[];
}

/** How often the rules of the tests' Prometheus are evaluated. */
const evaluationSeconds = 5;

/** docs/prometheus.yml, the file that users are given, with the kubeconfig by which its discovery reaches a cluster. */
export async function documentedConfiguration(
  kubeconfig: string,
  scrapeIntervalSeconds: number,
): Promise<PrometheusConfiguration> {
  const file = new URL('../../docs/prometheus.yml', import.meta.url);
  const configuration = parse(await readFile(file, 'utf8')) as PrometheusConfiguration;
  configuration.global.scrape_interval = `${scrapeIntervalSeconds}s`;
  configuration.global.evaluation_interval = `${evaluationSeconds}s`;
  configuration.rule_files = configuration.rule_files?.map((path) => fileURLToPath(new URL(path, file))) ?? [];
  for (const { kubernetes_sd_configs = [] } of configuration.scrape_configs)
    for (const discovery of kubernetes_sd_configs) discovery.kubeconfig_file = kubeconfig;
  return configuration;
}
