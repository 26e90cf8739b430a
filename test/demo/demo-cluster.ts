import { writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { ensureBinaries } from '../cluster/binaries.ts';
import { startCluster } from '../cluster/cluster.ts';
import { run } from '../cluster/command.ts';
import { buildImages } from '../cluster/images.ts';
import { ensureSystemCommands } from '../cluster/packages.ts';
import type { PrometheusOptions } from '../cluster/prometheus.ts';
import type { Kubectl } from '../e2e/agents.ts';

/** What the demo needs of a cluster. */
export interface DemoCluster {
  kubeconfig: string;
  kubectl: Kubectl;
  /** What a user types to reach it. */
  kubectlCommand: string;
  /** How Prometheus on this machine reaches its pods. */
  scraping: Pick<PrometheusOptions, 'scrapeConfig' | 'relabelConfigs'>;
}

type Cleanups = (() => Promise<void>)[];
type Log = (line: string) => void;

/** A cluster of our own, with the images loaded. Pods are reached directly. */
export async function localCluster(
  { nodes, signal, log }: { nodes: number; signal: AbortSignal; log: Log },
  cleanups: Cleanups,
): Promise<DemoCluster> {
  log(`starting a local Kubernetes with ${nodes} nodes`);
  const cluster = await startCluster({ name: `demo-${process.pid}`, nodes, log, signal });
  cleanups.push(() => cluster.down());
  const images = await buildImages({ log });
  for (const { name, archive } of [images.operator, images.agent]) {
    signal.throwIfAborted();
    log(`loading ${name}`);
    await cluster.loadImage(archive);
  }
  return {
    kubeconfig: cluster.kubeconfig,
    kubectl: (args, options) => cluster.kubectl(args, options),
    kubectlCommand: `npm run --silent cluster -- kubectl --name ${cluster.name}`,
    scraping: {},
  };
}

/**
 * A cluster that is there already. Its nodes pull the images; its pods are scraped through the API server, since this machine
 * need not reach them. What the demo adds is removed again, unless it was there before.
 */
export async function existingCluster(
  { kubeconfig, directory, log }: { kubeconfig: string; directory: string; log: Log },
  cleanups: Cleanups,
): Promise<DemoCluster> {
  await ensureSystemCommands(['prometheus'], log);
  const command = await kubectlBinary(log);
  const kubectl: Kubectl = (args, options) => run([command, '--kubeconfig', kubeconfig, ...args], options);
  const manifests = new URL('../../manifests/', import.meta.url).pathname;
  const isThere = (...args: string[]) =>
    kubectl(['get', ...args, '--ignore-not-found', '-o', 'name']).then((found) => found.trim() !== '');
  const remove = (file: string) => async () => {
    await kubectl(['delete', '--ignore-not-found', '-f', join(manifests, file)]);
  };
  if (!(await isThere('namespace', 'net-exporter-system'))) cleanups.push(remove('install.yaml'));
  if (!(await isThere('namespace', 'monitoring'))) cleanups.push(remove('samples/namespace.yaml'));
  else
    cleanups.push(async () => {
      await kubectl(['delete', '--ignore-not-found', 'netexporter', '-n', 'monitoring', 'default']);
    });
  return {
    kubeconfig,
    kubectl,
    kubectlCommand: `kubectl --kubeconfig ${kubeconfig}`,
    scraping: await throughApiServer(kubeconfig, directory),
  };
}

async function kubectlBinary(log: Log): Promise<string> {
  try {
    await run(['kubectl', 'version', '--client']);
    return 'kubectl';
  } catch {
    return join((await ensureBinaries(log)).directory, 'kubectl');
  }
}

/** Prometheus reaches a pod's port by the API server's proxy (`/api/v1/namespaces/…/pods/…:port/proxy`). */
async function throughApiServer(kubeconfig: string, directory: string): Promise<DemoCluster['scraping']> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = new URL(config.getCurrentCluster()?.server ?? '');
  const access: RequestOptions = {};
  await config.applyToHTTPSOptions(access);
  const keep = async (file: string, content: unknown) => {
    if (content === undefined || content === null) return undefined;
    const path = join(directory, file);
    await writeFile(path, content as Buffer | string, { mode: 0o600 });
    return path;
  };
  const authorization = new Headers(access.headers as Record<string, string> | undefined).get('authorization');
  const token = await keep('token', authorization?.replace(/^Bearer /, ''));
  const tls = {
    ca_file: await keep('ca.crt', access.ca),
    cert_file: await keep('client.crt', access.cert),
    key_file: await keep('client.key', access.key),
    insecure_skip_verify: access.rejectUnauthorized === false,
  };
  return {
    scrapeConfig: {
      scheme: 'https',
      tls_config: tls,
      ...(token !== undefined && { authorization: { credentials_file: token } }),
    },
    relabelConfigs: [
      {
        source_labels: ['__meta_kubernetes_namespace', '__meta_kubernetes_pod_name', '__address__'],
        regex: '(.+);(.+);.+:(\\d+)',
        target_label: '__metrics_path__',
        replacement: '/api/v1/namespaces/$1/pods/$2:$3/proxy/metrics',
      },
      { source_labels: ['__address__'], target_label: 'instance' },
      { target_label: '__address__', replacement: server.host },
    ],
  };
}
