import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { build } from '../build/build.ts';
import { operatorName, operatorNamespace } from '../src/contract/operator-names.ts';
import { waitFor } from '../test/cluster/wait.ts';
import { deadline, netExporter } from '../test/e2e/environment.ts';
import { ApiServer } from './api-server.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { MeasuredOperator, type MeasuredOperatorOptions } from './measured-operator.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import type { DaemonSet } from './simulated-objects.ts';

const root = join(import.meta.dirname, '..');

/** The NetExporter whose agents are the fleet. */
export const fleetName = 'fleet';

export const resources = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters`;
export const daemonSets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;

/** The user that the operator is for the API server. */
export const operatorUser = `system:serviceaccount:${operatorNamespace}:${operatorName}`;

/**
 * What the operator's benchmark works on: everything of the installation but the operator's pod, the bundle as a
 * process in its place with the rights of its service account, and a fleet of simulated nodes.
 */
export class OperatorBench {
  readonly api: ApiServer;
  readonly fleet: SimulatedFleet;
  readonly #bench: BenchCluster;
  readonly #file: string;
  readonly #kubeconfig: string;
  readonly #environment: Record<string, string>;

  private constructor(bench: BenchCluster, api: ApiServer, file: string, environment: Record<string, string>) {
    this.#bench = bench;
    this.#file = file;
    this.#environment = environment;
    this.#kubeconfig = join(bench.directory, 'operator.kubeconfig');
    this.api = api;
    this.fleet = new SimulatedFleet(api, bench.signal);
  }

  /** Installs and builds. @param environment what the operator's has besides what it needs to run at all */
  static async prepare(bench: BenchCluster, environment: Record<string, string> = {}): Promise<OperatorBench> {
    const { cluster, kubectl, directory, log } = bench;
    await kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: installed() }),
    });
    await kubectl(['wait', '--for=condition=Established', 'crd/netexporters.net-exporter.dev', '--timeout=120s']);
    const out = join(directory, 'dist');
    await build({ root, out, architectures: [] });
    const api = new ApiServer(cluster.kubeconfig);
    const operatorBench = new OperatorBench(bench, api, join(out, 'operator', 'main.mjs'), environment);
    const path = `/api/v1/namespaces/${operatorNamespace}/serviceaccounts/${operatorName}/token`;
    const request = { spec: { expirationSeconds: 4 * 3600 } };
    const { status } = await api.send<{ status: { token: string } }>('POST', path, request);
    const kubeconfig = JSON.stringify(api.kubeconfigFor(status.token));
    await writeFile(operatorBench.#kubeconfig, kubeconfig, { mode: 0o600 });
    log('stopping the controller manager and the scheduler: they would take simulated nodes for dead ones');
    await cluster.stopComponent('controller-manager');
    await cluster.stopComponent('scheduler');
    return operatorBench;
  }

  /** The agent's bundle, without its native part. */
  get agentFile(): string {
    return join(this.#bench.directory, 'dist', 'agent', 'main.mjs');
  }

  /**
   * Starts the operator, which must have been stopped before.
   * @param options in addition to those with which every operator is started
   */
  start(options: Pick<MeasuredOperatorOptions, 'nodeOptions' | 'environment'> = {}): Promise<MeasuredOperator> {
    const { directory, signal } = this.#bench;
    const logFile = join(directory, 'operator.log');
    const environment = { ...this.#environment, ...options.environment };
    const files = { file: this.#file, kubeconfig: this.#kubeconfig, logFile };
    return MeasuredOperator.start({ ...files, ...options, environment, signal });
  }

  /** Makes the fleet that large, with an operator at work, and waits until that one has seen all of it. */
  async grow(size: number): Promise<DaemonSet> {
    const operator = await this.start();
    try {
      const fleet = netExporter(namespace, fleetName, {});
      await this.api.send('POST', resources, fleet).catch((error: Error) => {
        if (!error.message.includes('AlreadyExists')) throw error;
      });
      const path = `${daemonSets}/${fleetName}-agent`;
      const waiting = { timeout: deadline, interval: 200, signal: this.#bench.signal };
      const daemonSet = await waitFor(
        'the DaemonSet of the fleet',
        () => this.api.send<DaemonSet>('GET', path),
        waiting,
      );
      await this.fleet.grow(size, daemonSet);
      const seen = async () => {
        const { status } = await this.api.send<Resource>('GET', `${resources}/${fleetName}`);
        return status?.agents?.ready === size;
      };
      await waitFor(`status of ${size} agents`, seen, waiting);
      return daemonSet;
    } finally {
      await operator.stop();
    }
  }

  /** Starts again what was stopped and takes the fleet away. */
  async undo(): Promise<void> {
    const { cluster, kubectl } = this.#bench;
    await this.fleet.remove(namespace);
    await kubectl(['delete', 'netexporter', '-n', namespace, '--all']);
    await cluster.startComponent('controller-manager');
    await cluster.startComponent('scheduler');
    await kubectl(['delete', 'namespace', namespace, '--wait=false']);
    await this.api.close();
  }
}

interface Resource {
  status?: { agents?: { ready: number } };
}

/** What manifests/install.yaml installs, without the pods of the operator, and the namespace of the bench. */
function installed(): object[] {
  const text = readFileSync(join(root, 'manifests', 'install.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
  const others = objects.filter(({ kind }) => kind !== 'Deployment' && kind !== 'PodDisruptionBudget');
  return [...others, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }];
}
