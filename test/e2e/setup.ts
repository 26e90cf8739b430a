import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, startCluster } from '../cluster/cluster.ts';
import { buildImages } from '../cluster/images.ts';
import { Prometheus } from '../cluster/prometheus.ts';
import { clusterVariable, prometheusVariable } from './environment.ts';
import { installOperator } from './installation.ts';

const log = (line: string) => console.log(`# ${line}`);
const cleanups: (() => Promise<void>)[] = [];

/**
 * Runs once before all tests: a cluster with the operator and a Prometheus, for all end-to-end tests together.
 * With NET_EXPORTER_E2E_CLUSTER set to the name of a running local cluster, that one is used and left running.
 */
export async function globalSetup(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void globalTeardown().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143)));
  try {
    const existing = process.env[clusterVariable];
    const cluster = existing
      ? await Cluster.attach(existing)
      : await startCluster({ name: `e2e-${process.pid}`, dualStack: true, log });
    if (!cluster) throw new Error(`there is no running cluster ${existing}`);
    if (!existing) cleanups.push(() => cluster.down());
    const images = await buildImages({ log });
    for (const { archive } of [images.operator, images.agent]) await cluster.loadImage(archive);
    await installOperator((args, options) => cluster.kubectl(args, options));

    const directory = await mkdtemp(join(tmpdir(), 'net-exporter-e2e-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const prometheus = await Prometheus.start({ kubeconfig: cluster.kubeconfig, directory, scrapeIntervalSeconds: 2 });
    cleanups.push(() => prometheus.stop());
    process.env[clusterVariable] = cluster.name;
    process.env[prometheusVariable] = prometheus.url;
  } catch (error) {
    await globalTeardown();
    throw error;
  }
}

/** Runs once after all tests: nothing stays that setup has made. */
export async function globalTeardown(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}
