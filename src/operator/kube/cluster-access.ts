import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** Where the API server is and how to prove who we are. */
export interface ClusterAccess {
  /** Scheme, host and port. */
  server: URL;
  /** Reads credentials and certificates as they are now: tokens and certificates on disk are renewed while we run. */
  credentials(): Promise<Credentials>;
}

export interface Credentials {
  headers: Record<string, string>;
  tls: {
    ca?: string | Buffer;
    cert?: string | Buffer;
    key?: string | Buffer;
    servername?: string;
    rejectUnauthorized?: boolean;
  };
}

/** An invalid kubeconfig or service account; `message` says what to do. */
export class ClusterAccessError extends Error {
  readonly code = 'ClusterAccess';
  override readonly name = 'ClusterAccessError';
}

/**
 * Access to the cluster that a kubeconfig's current context names or, without a file, to the cluster this process runs
 * in. The KUBECONFIG variable is not taken.
 * @throws ClusterAccessError
 */
export function clusterAccess(kubeconfigFile: string | undefined): ClusterAccess {
  const config = kubeconfigFile === undefined ? inCluster() : fromFile(kubeconfigFile);
  const source = kubeconfigFile === undefined ? 'the service account' : `kubeconfig ${kubeconfigFile}`;
  const cluster = config.getCurrentCluster();
  if (!cluster?.server)
    throw new ClusterAccessError(`${source}: the current context has no cluster; set current-context`);
  if (cluster.proxyUrl)
    throw new ClusterAccessError(`${source}: proxy-url is not supported; remove it from the cluster`);
  return { server: serverUrl(cluster.server, source), credentials: () => readCredentials(config, source) };
}

/** The token of the ServiceAccount that the kubelet mounts into this process's pod; empty if there is none. */
export function mountedToken(): string {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
  } catch {
    return '';
  }
}

function inCluster(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromCluster();
  if (config.getCurrentCluster()?.server.includes('undefined'))
    throw new ClusterAccessError(
      'not running in a cluster: KUBERNETES_SERVICE_HOST is not set; pass --kubeconfig FILE',
    );
  return config;
}

function fromFile(file: string): KubeConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ClusterAccessError(
      `cannot read the kubeconfig ${file}: ${(cause as Error).message}; check the path and the permissions`,
      { cause },
    );
  }
  if (text.trim() === '') throw new ClusterAccessError(`cannot use the kubeconfig ${file}: the file is empty`);
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (cause) {
    // The first line: YAML's errors go on with lines of the file, perhaps with the token in them.
    const [why] = (cause as Error).message.split('\n');
    throw new ClusterAccessError(`cannot parse the kubeconfig ${file}: ${why}`, { cause });
  }
  return config;
}

function serverUrl(text: string, source: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new ClusterAccessError(
    `${source}: the server "${text}" is not a URL of an API server; write https://HOST:PORT`,
  );
}

async function readCredentials(config: KubeConfig, source: string): Promise<Credentials> {
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new ClusterAccessError(`${source}: cannot read the credentials: ${(cause as Error).message}`, { cause });
  }
  const tls: Credentials['tls'] = {};
  if (options.ca) tls.ca = options.ca as string | Buffer;
  if (options.cert) tls.cert = options.cert as string | Buffer;
  if (options.key) tls.key = options.key as string | Buffer;
  if (options.servername !== undefined) tls.servername = options.servername;
  if (options.rejectUnauthorized !== undefined) tls.rejectUnauthorized = options.rejectUnauthorized;
  const headers = { ...options.headers };
  if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return { headers, tls };
}
