import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Addresses, nodeAddresses } from './addresses.ts';
import type { Binaries } from './binaries.ts';
import type { CertificateAuthority } from './certificates.ts';
import { killCgroup, removeCgroup } from './cgroups.ts';
import { clusterCgroup } from './cleanup.ts';
import { ClusterError } from './cluster-error.ts';
import { run } from './command.ts';
import { type NodeLogind, shutDown, startLogind, waitForShutdownLock } from './logind.ts';
import { connectNode, disconnectNode, unplugNode } from './network.ts';
import {
  ctr,
  importImage,
  type NodeOptions,
  nodeDirectory,
  startContainerd,
  startKubelet,
  startKubeProxy,
  waitForContainerd,
} from './node.ts';
import { isRunning, type ProcessId, sendSignal, stopProcess } from './processes.ts';
import { readState, updateState } from './state.ts';
import { waitFor } from './wait.ts';

export interface ClusterNode {
  name: string;
  zone: string;
  /** Path of the node's network namespace. */
  netns: string;
  /** Of the cluster's families, the primary one first; so are the ranges of its pods. */
  addresses: string[];
  podCidrs: string[];
}

/** A node that is plugged in and whose containerd answers; Kubernetes does not know it yet. */
export interface NodeRuntime {
  name: string;
  containerd: ProcessId;
}

/** What a node has that others have not. */
export interface NodeFeatures {
  /**
   * Its kubelet holds up the machine's shutdown until its pods have ended (KEP-2000). It learns of the shutdown from a
   * stand-in for logind on a system bus of the node's own: see logind.ts.
   */
  gracefulShutdown?: boolean;
}

export interface NodePoolOptions {
  cluster: string;
  /** The cluster's folder. */
  directory: string;
  addresses: Addresses;
  binaries: Binaries;
  authority: CertificateAuthority;
  kubectl: (args: readonly string[]) => Promise<string>;
  /** Numbers of the nodes that are there already. */
  numbers: readonly number[];
}

/** The nodes of a cluster: starts them, loads images into them, removes them. */
export class NodePool {
  readonly nodes: ClusterNode[];
  readonly #options: NodePoolOptions;

  constructor(options: NodePoolOptions) {
    this.#options = options;
    this.nodes = options.numbers.map((number) => clusterNode(options.addresses, number));
  }

  /** @throws {ClusterError} when there is none with that name */
  find(name: string): ClusterNode {
    const node = this.nodes.find((node) => node.name === name);
    if (node !== undefined) return node;
    throw new ClusterError('NO_SUCH_NODE', `cluster "${this.#options.cluster}" has no node "${name}"`);
  }

  /** What the functions of node.ts have to know of a node. */
  nodeOptions(name: string): NodeOptions {
    const { cluster, addresses, directory, binaries, authority } = this.#options;
    return {
      ...{ cluster, addresses, directory, authority },
      node: nodeAddresses(addresses, numberOf(this.find(name))),
      binaries: binaries.directory,
      cgroup: join(clusterCgroup(cluster), name),
    };
  }

  /** Plugs the next node in and starts its containerd, which has no image yet. */
  async startRuntime(signal?: AbortSignal): Promise<NodeRuntime> {
    signal?.throwIfAborted();
    const { cluster, addresses } = this.#options;
    const numbers = this.nodes.map(numberOf);
    const number = Math.max(0, ...numbers) + 1;
    await connectNode(addresses, number, numbers);
    updateState(cluster, (state) => state.nodes.push(number));
    const node = clusterNode(addresses, number);
    this.nodes.push(node);
    const options = this.nodeOptions(node.name);
    const containerd = await startContainerd(options);
    this.#remember(node.name, { containerd });
    await waitForContainerd(options, containerd, signal);
    return { name: node.name, containerd };
  }

  /** Loads into a node the images without which no pod starts, and those that `loadImage` was given. */
  async loadImages(name: string): Promise<void> {
    const archives = [...this.#options.binaries.images, ...this.#loadedImages()];
    for (const archive of archives) await importImage(this.nodeOptions(name), archive);
  }

  /** Starts a node's kubelet and kube-proxy: it joins the cluster. */
  async join({ name, containerd }: NodeRuntime, { gracefulShutdown = false }: NodeFeatures = {}): Promise<void> {
    const options = this.nodeOptions(name);
    let logind: NodeLogind | undefined;
    if (gracefulShutdown) {
      // First: a kubelet that finds none does without for good.
      logind = await startLogind(options, containerd);
      this.#remember(name, logind);
    }
    this.#remember(name, {
      kubelet: await startKubelet(options, containerd, gracefulShutdown),
      'kube-proxy': await startKubeProxy(options, []),
    });
    if (logind) await waitForShutdownLock(options, logind);
  }

  /** Starts the kubelet and kube-proxy of every node anew; their pods run on. */
  async rejoin(): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ name }) => {
        const { processes } = readState(this.#options.cluster)!;
        await stopProcess(processes[`${name}/kubelet`]!);
        const gracefulShutdown = processes[`${name}/logind`] !== undefined;
        this.#remember(name, {
          kubelet: await startKubelet(this.nodeOptions(name), processes[`${name}/containerd`]!, gracefulShutdown),
        });
      }),
    );
    await this.restartProxies([]);
  }

  /** Starts the kube-proxy of every node anew. @param flags of the command line, beside those that it needs here */
  async restartProxies(flags: readonly string[]): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ name }) => {
        await this.stopProxy(name);
        await this.startProxy(name, flags);
      }),
    );
  }

  /** Ends a node's kube-proxy; the rules that it has made stay. */
  async stopProxy(name: string): Promise<void> {
    const proxy = readState(this.#options.cluster)?.processes[`${this.find(name).name}/kube-proxy`];
    if (proxy !== undefined) await stopProcess(proxy);
  }

  /** Starts a node's kube-proxy, which makes all its rules anew. */
  async startProxy(name: string, flags: readonly string[] = []): Promise<void> {
    this.#remember(name, { 'kube-proxy': await startKubeProxy(this.nodeOptions(name), flags) });
  }

  /**
   * Resolves when all nodes are Ready.
   * @throws {ClusterError} at once when a process of a node that is not Ready has ended: it would never be
   */
  async waitUntilReady(signal?: AbortSignal): Promise<void> {
    let ended: string[] = [];
    const ready = async () => {
      const { items } = JSON.parse(await this.#options.kubectl(['get', 'nodes', '-o', 'json'])) as {
        items: NodeObject[];
      };
      const names = items.filter(isReady).map((node) => node.metadata.name);
      const missing = this.nodes.filter(({ name }) => !names.includes(name)).map(({ name }) => name);
      ended = missing.flatMap((name) => this.#endedDaemons(name));
      if (missing.length > 0 && ended.length === 0) throw new Error(`not Ready: ${missing.join(', ')}`);
      return true;
    };
    // Many nodes share two cores: each takes its part of the time.
    const timeout = 120_000 + 10_000 * this.nodes.length;
    await waitFor('readiness of all nodes', ready, { timeout, interval: 300, signal });
    if (ended.length > 0) throw new ClusterError('NODE_ENDED', `${ended.join(', ')} ended before the node was Ready`);
  }

  /** The processes of a node that were started and have ended, such as `node-1/kubelet`. */
  #endedDaemons(node: string): string[] {
    const processes = readState(this.#options.cluster)?.processes ?? {};
    return Object.entries(processes).flatMap(([name, process]) =>
      name.startsWith(`${node}/`) && !isRunning(process) ? [name] : [],
    );
  }

  /** Loads an OCI archive into every node, and into those that come later. */
  async loadImage(archive: string): Promise<void> {
    await Promise.all(this.nodes.map(({ name }) => importImage(this.nodeOptions(name), resolve(archive))));
    // Only what containerd took is kept for later nodes, and once: they load in this order, so that the newest image of
    // a name wins.
    mkdirSync(this.#imagesDirectory, { recursive: true });
    const content = createHash('sha256')
      .update(await readFile(archive))
      .digest('hex');
    const loaded = this.#loadedImages();
    const number = Math.max(-1, ...loaded.map((file) => Number.parseInt(basename(file), 10))) + 1;
    const copy = join(this.#imagesDirectory, `${number}-${content}`);
    const same = loaded.find((file) => file.endsWith(`-${content}`));
    if (same === undefined) copyFileSync(archive, `${copy}.partial`);
    await rename(same ?? `${copy}.partial`, copy);
  }

  /**
   * Shuts a node down with its kubelet's consent and ends everything in it then. Its network namespace stays,
   * unplugged.
   */
  async shutDown(name: string): Promise<void> {
    const { cluster, addresses } = this.#options;
    const options = this.nodeOptions(name);
    const logind = readState(cluster)?.processes[`${name}/logind`];
    if (logind === undefined) {
      const why = `"${name}" cannot be shut down: its kubelet would not learn of it`;
      throw new ClusterError('NO_LOGIND', `${why}; add the node with { gracefulShutdown: true }`);
    }
    await shutDown(options, logind);
    await killCgroup(options.cgroup);
    await unplugNode(addresses, numberOf(this.find(name)));
  }

  /** Ends a node's kubelet; its pods run on. */
  async stopKubelet(name: string): Promise<void> {
    const kubelet = readState(this.#options.cluster)?.processes[`${this.find(name).name}/kubelet`];
    if (kubelet !== undefined) await stopProcess(kubelet);
  }

  /**
   * Sends a signal to a daemon of a node, such as SIGSTOP and SIGCONT.
   * @throws {ClusterError} when it does not run
   */
  signalDaemon(name: string, daemon: 'kubelet' | 'kube-proxy', signal: NodeJS.Signals): void {
    const process = readState(this.#options.cluster)?.processes[`${this.find(name).name}/${daemon}`];
    if (process === undefined || !sendSignal(process, signal))
      throw new ClusterError('NODE_ENDED', `${name}/${daemon} does not run`);
  }

  /** Ends a node and everything in it at once, and removes all that is of it on this machine. */
  async remove(name: string): Promise<void> {
    const { cluster, addresses, directory } = this.#options;
    const node = this.find(name);
    const { cgroup } = this.nodeOptions(name);
    await killCgroup(cgroup);
    await removeCgroup(cgroup);
    const others = this.nodes.filter((other) => other !== node).map(numberOf);
    await disconnectNode(addresses, numberOf(node), others);
    updateState(cluster, (state) => {
      state.nodes = others;
      for (const key of Object.keys(state.processes)) if (key.startsWith(`${name}/`)) delete state.processes[key];
    });
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await run(['rm', '-rf', '--one-file-system', nodeDirectory(directory, name)]);
  }

  /** Gives an image that is loaded on every node another name; nodes that are added later do not get to know it. */
  async tagImage(image: string, name: string): Promise<void> {
    for (const node of this.nodes) await ctr(this.nodeOptions(node.name), ['images', 'tag', '--force', image, name]);
  }

  get #imagesDirectory(): string {
    return join(this.#options.directory, 'images');
  }

  #loadedImages(): string[] {
    if (!existsSync(this.#imagesDirectory)) return [];
    return readdirSync(this.#imagesDirectory)
      .filter((file) => !file.endsWith('.partial'))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((file) => join(this.#imagesDirectory, file));
  }

  #remember(node: string, processes: object): void {
    updateState(this.#options.cluster, (state) => {
      for (const [daemon, process] of Object.entries(processes)) state.processes[`${node}/${daemon}`] = process;
    });
  }
}

interface NodeObject {
  metadata: { name: string };
  status: { conditions?: { type: string; status: string }[] };
}

function isReady(node: NodeObject): boolean {
  return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function clusterNode(addresses: Addresses, number: number): ClusterNode {
  const { name, zone, netns, addresses: own, podCidrs } = nodeAddresses(addresses, number);
  return { name, zone, netns, addresses: own, podCidrs };
}

function numberOf({ name }: ClusterNode): number {
  return Number(name.slice('node-'.length));
}
