import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { Random } from '../../soak/random.ts';
import { imageNames } from '../../src/contract/image-names.ts';
import { operatorName, operatorNamespace, operatorSelector } from '../../src/contract/operator-names.ts';
import { CertificateAuthority } from '../cluster/certificates.ts';
import { Cleanups } from '../cluster/cleanups.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { controlPlaneFiles } from '../cluster/control-plane.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from './cluster-api.ts';
import { FaultProxy } from './fault-proxy.ts';
import { OperatorSet } from './operator-set.ts';

/** Installing, ending and starting pods; a slow machine is no failure. Milliseconds. */
const deadline = 180_000;

/**
 * Operators from the sources that reach a cluster's API server through a proxy of faults, in place of the installed
 * operator, which is scaled to nothing for as long.
 */
export class FaultRig {
  readonly cluster: Cluster;
  readonly api: ClusterApi;
  readonly proxy: FaultProxy;
  readonly operators: OperatorSet;
  /** What agents run in unless their spec says otherwise. */
  readonly agentImage = imageNames(packageJson.version).agent;
  /** Whether agents sync with the operators. */
  readonly sync: boolean;
  readonly #directory: string;
  readonly #replicas: number;

  private constructor(
    parts: { cluster: Cluster; api: ClusterApi; proxy: FaultProxy; operators: OperatorSet },
    directory: string,
    replicas: number,
    sync: boolean,
  ) {
    this.cluster = parts.cluster;
    this.api = parts.api;
    this.proxy = parts.proxy;
    this.operators = parts.operators;
    this.sync = sync;
    this.#directory = directory;
    this.#replicas = replicas;
  }

  /**
   * @param names of the operator processes
   * @param options.sync whether agents in the cluster's pods are to sync with the one that leads
   */
  static async start(
    cluster: Cluster,
    names: readonly string[],
    seed: number,
    { sync = false }: { sync?: boolean } = {},
  ): Promise<FaultRig> {
    const api = await ClusterApi.of(cluster.kubeconfig);
    const directory = ownedDirectory('faults');
    const replicas = await scaleInstalled(cluster, 0);
    const proxy = new FaultProxy({
      upstream: { origin: api.origin, authority: api.authority },
      certificate: await loopbackCertificate(cluster),
      random: new Random(seed),
    });
    await proxy.listen();
    const token = (
      await cluster.kubectl(['create', 'token', operatorName, '-n', operatorNamespace, '--duration=24h'])
    ).trim();
    const kubeconfig = (name: string) => join(directory, `${name}.kubeconfig`);
    for (const name of names)
      await writeFile(kubeconfig(name), tokenKubeconfig(proxy.url(name), api.authority, token), { mode: 0o600 });
    // This machine as the pods reach it.
    const advertised = sync ? new URL(api.origin).hostname : undefined;
    const compileCache = join(directory, 'compile-cache');
    const operators = new OperatorSet({
      ...{ names, namespace: operatorNamespace, kubeconfig, api, advertised, compileCache },
    });
    return new FaultRig({ cluster, api, proxy, operators }, directory, replicas, sync);
  }

  /** Ends the operators of the test and brings the installed one back. */
  async stop(): Promise<void> {
    const cleanups = new Cleanups();
    cleanups.add('the scale of the installed operator', () => scaleInstalled(this.cluster, this.#replicas));
    cleanups.add(`folder ${this.#directory}`, () => rm(this.#directory, { recursive: true, force: true }));
    cleanups.add('connection to the API server', () => this.api.close());
    cleanups.add('proxy', () => this.proxy.close());
    cleanups.add('operators', () => this.operators.stop());
    cleanups.add('faults', () => this.proxy.heal());
    await cleanups.run();
  }
}

/** Scales the installed operator, and waits until it is so. @returns how many replicas there were */
export async function scaleInstalled(cluster: Cluster, replicas: number): Promise<number> {
  const place = ['-n', operatorNamespace];
  const deployment = JSON.parse(await cluster.kubectl(['get', 'deployment', operatorName, ...place, '-o', 'json'])) as {
    spec: { replicas: number };
  };
  await cluster.kubectl(['scale', 'deployment', operatorName, ...place, `--replicas=${replicas}`]);
  if (replicas > 0) {
    const timeout = `--timeout=${deadline / 1000}s`;
    await cluster.kubectl(['rollout', 'status', 'deployment', operatorName, ...place, timeout]);
  } else {
    const selector = Object.entries(operatorSelector).map((pair) => pair.join('='));
    const pods = ['get', 'pods', ...place, '-l', selector.join(','), '-o', 'name'];
    await waitFor('the end of the installed operator', async () => (await cluster.kubectl(pods)) === '', {
      timeout: deadline,
      interval: 300,
    });
  }
  return deployment.spec.replicas;
}

/** What a server of the tests proves itself with on 127.0.0.1, from the cluster's own authority. */
export async function loopbackCertificate(cluster: Cluster): Promise<{ cert: Buffer; key: Buffer }> {
  const authority = new CertificateAuthority(controlPlaneFiles(cluster.directory).pki);
  const files = await authority.issue('loopback', { commonName: 'loopback', hosts: ['127.0.0.1'] });
  const certificate = { cert: await readFile(files.certificate), key: await readFile(files.key) };
  await Promise.all([rm(files.certificate), rm(files.key)]);
  return certificate;
}

/** A kubeconfig for who authenticates by a token. */
export function tokenKubeconfig(server: string, authority: Buffer, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster: { server, 'certificate-authority-data': authority.toString('base64') } }],
    users: [{ name: 'operator', user: { token } }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'operator' } }],
    'current-context': 'proxy',
  });
}
