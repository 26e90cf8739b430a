import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { counted } from '../../src/base/command-line.ts';
import { type Addresses, addressesOf } from './addresses.ts';
import type { Binaries } from './binaries.ts';
import { CertificateAuthority } from './certificates.ts';
import { createCgroup, daemonCgroups } from './cgroups.ts';
import { clusterCgroup, isAbandoned, removeClusterNamed } from './cleanup.ts';
import { run } from './command.ts';
import { type Component, componentArguments, controlPlaneFiles, prepareControlPlane } from './control-plane.ts';
import { corednsObjects } from './coredns.ts';
import { ensureInotifyInstances } from './inotify-limit.ts';
import { createSwitch } from './network.ts';
import { type ClusterNode, type NodeFeatures, NodePool, type NodeRuntime } from './node-pool.ts';
import { containerCgroup, containerLogFile, type PodObject, sandboxNetns } from './pods.ts';
import { isRunning, killProcess, startDaemon, stopProcess } from './processes.ts';
import { type ClusterState, clusterDirectory, readState, updateState } from './state.ts';
import { waitFor } from './wait.ts';

/** A running cluster: one that this process started, or one that it found by `attach`. */
export class Cluster {
  readonly name: string;
  /** Its work folder: certificates, `logs`, data. */
  readonly directory: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The API server's audit log: one JSON event a line, level Metadata. */
  readonly auditLog: string;
  readonly #addresses: Addresses;
  readonly #binaries: Binaries;
  readonly #authority: CertificateAuthority;
  readonly #pool: NodePool;

  constructor(state: ClusterState) {
    const directory = clusterDirectory(state.name);
    const files = controlPlaneFiles(directory);
    this.name = state.name;
    this.directory = directory;
    this.kubeconfig = files.adminKubeconfig;
    this.auditLog = files.auditLog;
    this.#addresses = addressesOf(state.slot, state.ipFamily);
    this.#binaries = state.binaries;
    this.#authority = new CertificateAuthority(files.pki);
    this.#pool = new NodePool({
      ...{ cluster: state.name, directory, addresses: this.#addresses, binaries: state.binaries },
      ...{ authority: this.#authority, numbers: state.nodes },
      kubectl: (args) => this.kubectl(args),
    });
  }

  get nodes(): readonly ClusterNode[] {
    return this.#pool.nodes;
  }

  /** The running cluster with that name; undefined where there is none, or only the ruins of one. */
  static async attach(name: string): Promise<Cluster | undefined> {
    const state = readState(name);
    if (state === undefined || state.phase !== 'ready' || isAbandoned(state)) return undefined;
    return new Cluster(state);
  }

  /** Runs kubectl as administrator and returns its standard output. An error's message holds what kubectl said. */
  async kubectl(args: readonly string[], options: { input?: string } = {}): Promise<string> {
    // Neither the caller's KUBECONFIG nor its home folder is used.
    const env = { PATH: process.env.PATH, HOME: this.directory };
    return await run([...this.kubectlCommand(), ...args], { ...options, env });
  }

  /** The beginning of a kubectl command line for this cluster. */
  kubectlCommand(): string[] {
    const cache = join(this.directory, 'kubectl-cache');
    return [join(this.#binaries.directory, 'kubectl'), `--kubeconfig=${this.kubeconfig}`, `--cache-dir=${cache}`];
  }

  /** Loads an OCI archive into every node, and into those added later. */
  async loadImage(archive: string): Promise<void> {
    await this.#pool.loadImage(archive);
  }

  /**
   * Gives an image that is loaded on every node another name, as another version of it has; nodes added later lack it.
   */
  async tagImage(image: string, name: string): Promise<void> {
    await this.#pool.tagImage(image, name);
  }

  /** Runs a program of this machine in a node's network namespace and returns its standard output. */
  async exec(node: string, argv: readonly string[], options: { input?: string } = {}): Promise<string> {
    return await run(['nsenter', `--net=${this.#pool.find(node).netns}`, ...argv], options);
  }

  /** Path of a pod's network namespace, for `nsenter --net`. It is the node's for pods in the host's network. */
  async podNetns(namespace: string, pod: string): Promise<string> {
    const object = await this.#pod(namespace, pod);
    if (object.spec.hostNetwork) return this.#pool.find(object.spec.nodeName).netns;
    return await sandboxNetns(this.#pool.nodeOptions(object.spec.nodeName), object);
  }

  /**
   * Path of the cgroup that counts a container's memory (`memory.usage_in_bytes`, `memory.stat` with cgroup version 1).
   */
  async podCgroup(namespace: string, pod: string, container: string): Promise<string> {
    return containerCgroup(clusterCgroup(this.name), await this.#pod(namespace, pod), container);
  }

  /**
   * The file into which a container of a pod prints, by the number of its restarts before (CRI logging format). It goes
   * with the pod.
   */
  containerLog(node: string, pod: PodObject['metadata'], container: string, restarts: number): string {
    return containerLogFile(this.#pool.nodeOptions(node), pod, container, restarts);
  }

  /**
   * Sends a signal to a daemon of a node: SIGSTOP halts it, SIGCONT has it continue, as on a machine that hangs.
   * @throws {ClusterError} when it does not run
   */
  signalDaemon(node: string, daemon: 'kubelet' | 'kube-proxy', signal: NodeJS.Signals): void {
    this.#pool.signalDaemon(node, daemon, signal);
  }

  /**
   * Ends a component of the control plane: SIGTERM, and SIGKILL after 3 s, since the API server waits for its watchers.
   */
  async stopComponent(component: Component): Promise<void> {
    const process = readState(this.name)?.processes[component];
    if (process !== undefined) await stopProcess(process, 3_000);
  }

  /**
   * Ends a component of the control plane as a machine does that fails: the API server leaves itself in its Service's
   * endpoints.
   */
  async killComponent(component: Component): Promise<void> {
    const process = readState(this.name)?.processes[component];
    if (process !== undefined) await killProcess(process);
  }

  /**
   * Starts all of Kubernetes anew that watches the API server; pods run on. After an outage client-go lets each watch
   * wait for up to half a minute between two attempts, so that a minute passes before the cluster does anything again.
   */
  async restartWatchers(): Promise<void> {
    const restart = async (component: Component) => {
      await this.stopComponent(component);
      await this.startComponent(component);
    };
    await Promise.all([restart('controller-manager'), restart('scheduler'), this.#pool.rejoin()]);
    await this.#pool.waitUntilReady();
  }

  /**
   * Starts the kube-proxy of every node anew; what it has set up stays.
   * @param flags of its command line, such as `--iptables-min-sync-period=10s`; without them it is as before
   */
  async restartProxies(flags: readonly string[] = []): Promise<void> {
    await this.#pool.restartProxies(flags);
  }

  /** Ends the kube-proxy of a node; the rules that it has made stay. */
  async stopProxy(node: string): Promise<void> {
    await this.#pool.stopProxy(node);
  }

  /** Starts the kube-proxy of a node again, which makes all its rules anew. */
  async startProxy(node: string): Promise<void> {
    await this.#pool.startProxy(node);
  }

  /** Starts a component of the control plane (again); the API server is ready when this resolves. */
  async startComponent(component: Component, signal?: AbortSignal): Promise<void> {
    const known = readState(this.name)?.processes[component];
    if (known !== undefined && isRunning(known)) return;
    const cgroup = join(clusterCgroup(this.name), 'control-plane');
    const started = await startDaemon({
      argv: componentArguments(component, {
        directory: this.directory,
        binaries: this.#binaries.directory,
        addresses: this.#addresses,
        authority: this.#authority,
      }),
      logFile: join(this.directory, 'logs', `${component}.log`),
      cwd: this.directory,
      cgroups: daemonCgroups(cgroup),
    });
    updateState(this.name, (state) => Object.assign(state.processes, { [component]: started }));
    if (component !== 'apiserver') return;
    const ready = async () => {
      if (!isRunning(started)) throw new Error('the API server ended');
      return (await this.kubectl(['get', '--raw=/readyz'])) === 'ok';
    };
    await waitFor('readiness of the API server', ready, { timeout: 180_000, interval: 200, signal });
  }

  /**
   * Adds a node with all images that were loaded so far, and waits until it is Ready. When that fails, nothing of it is
   * left.
   */
  async addNode(features: NodeFeatures = {}): Promise<ClusterNode> {
    ensureInotifyInstances(1, () => {});
    const runtime = await this.#pool.startRuntime();
    try {
      await this.#pool.loadImages(runtime.name);
      await this.#pool.join(runtime, features);
      await this.#pool.waitUntilReady();
      return this.#pool.find(runtime.name);
    } catch (error) {
      await this.removeNode(runtime.name);
      throw error;
    }
  }

  /**
   * Shuts a node down that was added with `gracefulShutdown`, as the administrator of its machine does: its kubelet is
   * told first and ends the pods; as soon as it lets go of the machine, that is off. Kubernetes keeps what it knows of
   * the node. All that can be done with it then is `removeNode`.
   */
  async shutDownNode(name: string): Promise<void> {
    await this.#pool.shutDown(name);
  }

  /**
   * Ends the kubelet of a node: Kubernetes finds the node not ready after less than a minute. Its pods run on. All that
   * can be done with it then is `removeNode`.
   */
  async stopKubelet(name: string): Promise<void> {
    await this.#pool.stopKubelet(name);
  }

  /**
   * Removes a node at once, as a machine that is switched off and deleted by its administrator. Its pods are left to
   * Kubernetes' garbage collection.
   */
  async removeNode(name: string): Promise<void> {
    await this.#pool.remove(name);
    await this.kubectl(['delete', 'node', name, '--ignore-not-found', '--wait=false']);
  }

  /** Ends all processes and removes everything that the cluster made. */
  async down(): Promise<void> {
    await removeClusterNamed(this.name);
  }

  /** Brings everything up, in the order in which one needs the other; called once, by `startCluster`. */
  async start(nodes: number, log: (line: string) => void, signal?: AbortSignal): Promise<void> {
    const started = performance.now();
    const report = (text: string) => log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${text}`);
    mkdirSync(join(this.directory, 'logs'), { recursive: true });
    createCgroup(join(clusterCgroup(this.name), 'control-plane'));
    await prepareControlPlane(this.directory, this.name, this.#addresses, this.#authority);
    await createSwitch(this.#addresses);
    await this.startComponent('etcd');
    const apiServer = this.startComponent('apiserver', signal);
    // Its failure is reported where it is awaited.
    apiServer.catch(() => {});
    report('etcd and the API server are starting');
    const runtimes: NodeRuntime[] = [];
    for (let count = 0; count < nodes; count++) runtimes.push(await this.#pool.startRuntime(signal));
    const loaded = Promise.all(runtimes.map(({ name }) => this.#pool.loadImages(name)));
    loaded.catch(() => {});
    await apiServer;
    report('the API server is ready');
    await this.startComponent('controller-manager');
    await this.startComponent('scheduler');
    await loaded;
    signal?.throwIfAborted();
    await Promise.all(runtimes.map((runtime) => this.#pool.join(runtime)));
    report(`starting ${counted(nodes, 'node')}`);
    await this.#pool.waitUntilReady(signal);
    report('all nodes are Ready');
    // Only now, so that its replicas are on different nodes.
    const list = { apiVersion: 'v1', kind: 'List', items: corednsObjects(this.#addresses) };
    await this.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(list) });
    await this.#waitForCoredns(signal);
    report('CoreDNS is available');
  }

  async #waitForCoredns(signal?: AbortSignal): Promise<void> {
    const available = async () => {
      const path = '-o=jsonpath={.status.availableReplicas}';
      return (await this.kubectl(['-n', 'kube-system', 'get', 'deployment', 'coredns', path])) === '2';
    };
    await waitFor('availability of CoreDNS', available, { timeout: 180_000, interval: 300, signal });
  }

  async #pod(namespace: string, pod: string): Promise<PodObject> {
    return JSON.parse(await this.kubectl(['-n', namespace, 'get', 'pod', pod, '-o', 'json'])) as PodObject;
  }
}
