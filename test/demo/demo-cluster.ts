import { writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { ensureBinaries } from '../cluster/binaries.ts';
import type { Cleanups } from '../cluster/cleanups.ts';
import { startCluster } from '../cluster/cluster.ts';
import { run } from '../cluster/command.ts';
import { buildImages } from '../cluster/images.ts';
import type { RelabelConfig } from '../cluster/prometheus.ts';
import type { Kubectl } from '../e2e/agents.ts';

/** What the demo needs of a cluster. */
export interface DemoCluster {
  kubeconfig: string;
  /** For commands that wait: ends with the demo's signal. */
  kubectl: Kubectl;
  /** For single requests and the clean-up: neither the demo's signal nor a Ctrl-C in the terminal interrupts it. */
  steadyKubectl: Kubectl;
  /** What a user types to reach it. */
  kubectlCommand: string;
  /** How Prometheus on this machine reaches its pods. */
  scraping: () => Promise<Scraping>;
  /** Whether the demo started it, and so removes it with everything in it. */
  isOwn: boolean;
  /** Whether this machine reaches pods by their addresses. */
  reachesPods: boolean;
}

export interface Scraping {
  /** Added to each scrape configuration, for clusters whose pods this machine does not reach. */
  scrapeConfig?: Record<string, unknown>;
  /** Added after the relabelling of docs/prometheus.yml. */
  relabelConfigs?: RelabelConfig[];
  /** For a kubeconfig whose credentials come from a program. */
  environment?: NodeJS.ProcessEnv;
}

type Log = (line: string) => void;

/** A cluster of our own, with the images loaded. Pods are reached directly. */
export async function localCluster(
  { nodes, signal, log }: { nodes: number; signal: AbortSignal; log: Log },
  cleanups: Cleanups,
): Promise<DemoCluster> {
  log(`starting a local Kubernetes with ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`);
  const cluster = await startCluster({ name: `demo-${process.pid}`, nodes, log, signal });
  cleanups.add('the local cluster', () => cluster.down());
  const images = await buildImages({ log });
  for (const { name, archive } of [images.operator, images.agent]) {
    signal.throwIfAborted();
    log(`loading ${name}`);
    await cluster.loadImage(archive);
  }
  const kubectl: Kubectl = (args, options) => cluster.kubectl(args, options);
  return {
    kubeconfig: cluster.kubeconfig,
    kubectl,
    steadyKubectl: kubectl,
    kubectlCommand: `npm run --silent cluster -- kubectl --name ${cluster.name}`,
    scraping: async () => ({}),
    isOwn: true,
    reachesPods: true,
  };
}

/**
 * A cluster of the user's. Its nodes pull the images; its pods are scraped through the API server, since this machine
 * need not reach them.
 */
export async function existingCluster({
  kubeconfig,
  directory,
  signal,
  log,
}: {
  kubeconfig: string;
  directory: string;
  signal: AbortSignal;
  log: Log;
}): Promise<DemoCluster> {
  // All that may take long or fail on this machine comes before anything changes on the cluster.
  const argv = [await kubectlBinary(log, signal), '--kubeconfig', kubeconfig];
  return {
    kubeconfig,
    kubectl: (args, options) => run([...argv, ...args], { ...options, signal }),
    // A session of its own: a terminal sends Ctrl-C to every process of its session's foreground.
    steadyKubectl: (args, options) => run(['setsid', ...argv, ...args], options),
    kubectlCommand: `kubectl --kubeconfig ${kubeconfig}`,
    scraping: async () => ({ ...(await throughApiServer(kubeconfig, directory)), environment: process.env }),
    isOwn: false,
    reachesPods: false,
  };
}

async function kubectlBinary(log: Log, signal: AbortSignal): Promise<string> {
  // Prometheus is among these programs.
  const { directory } = await ensureBinaries(log, signal);
  try {
    await run(['kubectl', 'version', '--client']);
    return 'kubectl';
  } catch {
    return join(directory, 'kubectl');
  }
}

/** Prometheus reaches a pod's port by the API server's proxy (`/api/v1/namespaces/…/pods/…:port/proxy`). */
async function throughApiServer(kubeconfig: string, directory: string): ReturnType<DemoCluster['scraping']> {
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
    server_name: config.getCurrentCluster()?.tlsServerName,
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
        replacement: `${server.pathname.replace(/\/$/, '')}/api/v1/namespaces/$1/pods/$2:$3/proxy/metrics`,
      },
      { source_labels: ['__address__'], target_label: 'instance' },
      { target_label: '__address__', replacement: server.host },
    ],
  };
}
