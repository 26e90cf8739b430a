import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { imagesDirectory } from '../test/cluster/cache-directories.ts';
import { requireCacheFolder } from '../test/cluster/cache-folder.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { Cluster, ClusterError, startCluster } from '../test/cluster/cluster.ts';
import { ownedDirectory } from '../test/cluster/owned-name.ts';
import type { Kubectl } from '../test/e2e/agents.ts';

/** Where the measured NetExporters live. */
export const namespace = 'net-exporter-bench';

export interface BenchClusterOptions {
  /** A running cluster to use and to leave running; without it one is started and removed again. */
  existing?: string | undefined;
  nodes: number;
  /** Installs what the sections need. What it returns undoes that, and is called where the cluster stays. */
  prepare: (bench: BenchCluster) => Promise<() => Promise<void>>;
  signal: AbortSignal;
  log: (line: string) => void;
}

/** A cluster, prepared for a benchmark, and what every measurement needs besides. */
export class BenchCluster {
  readonly cluster: Cluster;
  readonly kubectl: Kubectl;
  /** A folder that goes with the cluster. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;

  private constructor(cluster: Cluster, directory: string, { signal, log }: BenchClusterOptions) {
    this.cluster = cluster;
    this.kubectl = (args, options) => cluster.kubectl(args, options);
    this.directory = directory;
    this.signal = signal;
    this.log = log;
  }

  /** Runs `body` with a cluster of its own, which is gone afterwards whatever happened, unless it was there before. */
  static async with<T>(options: BenchClusterOptions, body: (bench: BenchCluster) => Promise<T>): Promise<T> {
    const { existing, nodes, prepare, signal, log } = options;
    requireCacheFolder(imagesDirectory());
    const cluster = existing
      ? await Cluster.attach(existing)
      : await startCluster({ name: `bench-${process.pid}`, nodes, log, signal });
    if (!cluster) {
      const start = `npm run cluster -- up --name ${existing}`;
      throw new ClusterError('NO_SUCH_CLUSTER', `there is no running cluster "${existing}"; start it: ${start}`);
    }
    const cleanups = new Cleanups();
    if (!existing) cleanups.add(`cluster "${cluster.name}"`, () => cluster.down());
    const directory = ownedDirectory('bench');
    cleanups.add(`folder ${directory}`, () => rm(directory, { recursive: true, force: true }));
    return await cleanups.after(async () => {
      const bench = new BenchCluster(cluster, directory, options);
      const undo = await prepare(bench);
      if (existing) cleanups.add('what the benchmark installed', undo);
      return await body(bench);
    }, log);
  }

  /** Lets time go by, in seconds; rejects when the run is being ended. */
  async pass(seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.signal });
  }
}
