import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imagesDirectory } from '../cluster/cache-directories.ts';
import { requireCacheFolder } from '../cluster/cache-folder.ts';
import { Cleanups } from '../cluster/cleanups.ts';
import { Cluster, startCluster } from '../cluster/cluster.ts';
import { buildImages, type Image } from '../cluster/images.ts';
import { removeLeftovers } from '../cluster/leftovers.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { documentedConfiguration, Prometheus } from '../cluster/prometheus.ts';
import { clusterVariable, scrapeIntervalSeconds, setupVariable } from './environment.ts';
import { installOperator } from './installation.ts';
import { SetupRecord, type SharedSetup } from './setup-record.ts';

const log = (line: string) => console.log(`# ${line}`);
const cleanups = new Cleanups();
const ending = new AbortController();
let begun: Promise<void> = Promise.resolve();

/**
 * Called once before all tests: begins clusters with the operator and a Prometheus each, which the end-to-end tests
 * share, and does not wait for them, so that unit tests run meanwhile. The end-to-end tests wait by `environment()`,
 * which also tells of a failure. With NET_EXPORTER_E2E_CLUSTER set to the name of a running local cluster, that one
 * alone is used and left running.
 * @param clusters how many are of use: as many as end-to-end tests may run at the same time
 */
export async function globalSetup(clusters: number): Promise<void> {
  const directory = ownedDirectory('e2e');
  cleanups.add(`folder ${directory}`, () => rm(directory, { recursive: true, force: true }));
  process.env[setupVariable] = directory;
  const records = await SetupRecord.create(directory, process.env[clusterVariable] ? 1 : clusters);
  begun = setUpAll(directory, records);
}

/** One after the other: the first tests begin while the second cluster starts. */
async function setUpAll(directory: string, records: readonly SetupRecord[]): Promise<void> {
  for (const [index, record] of records.entries())
    await setUp(join(directory, String(index)), index).then(
      (setup) => record.write({ setup }),
      (error: Error) => {
        log(`the setup of the end-to-end tests failed: ${error.message}`);
        return record.write({ error: error.message });
      },
    );
}

async function setUp(directory: string, index: number): Promise<SharedSetup> {
  ending.signal.throwIfAborted();
  requireCacheFolder(imagesDirectory());
  const existing = process.env[clusterVariable];
  const attached = existing ? await attach(existing) : undefined;
  // Both are work for the processor, beside much waiting.
  const [started, built] = await Promise.allSettled([attached ?? start(index), buildImages({ log })]);
  if (started.status === 'rejected') throw started.reason;
  if (built.status === 'rejected') throw built.reason;
  return furnish(started.value, built.value, directory, cleanups);
}

/** Installs on a cluster what the end-to-end tests expect there: the operator, and a Prometheus. */
export async function furnish(
  cluster: Cluster,
  images: Record<'operator' | 'agent', Image>,
  directory: string,
  cleanups: Cleanups,
): Promise<SharedSetup> {
  for (const { archive } of [images.operator, images.agent]) await cluster.loadImage(archive);
  await installOperator((args, options) => cluster.kubectl(args, options));
  const { kubeconfig, name } = cluster;
  const configuration = await documentedConfiguration(kubeconfig, scrapeIntervalSeconds);
  const prometheus = await Prometheus.start({ directory, configuration });
  cleanups.add('Prometheus', () => prometheus.stop());
  return { cluster: name, prometheus: prometheus.url };
}

async function attach(name: string): Promise<Cluster> {
  await removeLeftovers(log);
  const cluster = await Cluster.attach(name);
  if (cluster) return cluster;
  const start = `npm run cluster -- up --ip-family dual --name ${name}`;
  throw new Error(`there is no running cluster "${name}", which ${clusterVariable} names; start it: ${start}`);
}

async function start(index: number): Promise<Cluster> {
  const { signal } = ending;
  const cluster = await startCluster({ name: `e2e-${process.pid}-${index}`, ipFamily: 'dual', log, signal });
  cleanups.add(`cluster "${cluster.name}"`, () => cluster.down());
  return cluster;
}

/**
 * Runs once after all tests: nothing stays that setup has made, nor what it is making.
 * @throws {CleanupError} that names what is left
 */
export async function globalTeardown(): Promise<void> {
  ending.abort();
  await begun;
  await cleanups.run();
}
