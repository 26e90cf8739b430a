import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { acceptedReports, type HostileAnswers, runHostileAgent } from '../../bench/hostile-agent.ts';
import { agentNames, instanceLabel, managedByLabel, managerName } from '../../src/contract/agent-names.ts';
import { netExporters } from '../../src/operator/cache/watched-kinds.ts';
import { pathOf } from '../../src/operator/kube/resource.ts';
import { syncAccessIn } from '../../src/operator/sync/agents-sync.ts';
import { tokenAudience } from '../../src/protocol/sync.ts';
import type { SyncAccess } from '../../src/protocol/sync-access.ts';
import { waitFor } from '../cluster/wait.ts';
import { type ApiObject, type ClusterApi, ClusterApiError } from './cluster-api.ts';

/** What somebody can do who may create objects in a namespace, or open connections. */
export type Trespass =
  /** NetExporters that each name another Service of DNS servers. */
  | { kind: 'services'; count: number }
  /** ConfigMaps with the operator's label, of 900 kB each; every other one has a forged owner and a child's name. */
  | { kind: 'large-objects'; count: number }
  /** A ServiceAccount of the name that a NetExporter's agents would use. */
  | { kind: 'account' }
  /** A NetExporter with an affinity that the CRD accepts, and the API server refuses in a pod template. */
  | { kind: 'affinity'; affinity: object }
  /** Connections to the operators that never send a whole request. */
  | { kind: 'connections'; count: number }
  /** Reports of 250 kB that one agent's token vouches for, one after the other for so long. */
  | { kind: 'reports'; forMs: number };

/** Where something accepts connections. */
export interface Listener {
  host: string;
  port: number;
}

/** Where the operators' listeners are. */
export interface Listeners {
  /** Health and metrics of each. */
  http: readonly Listener[];
  /** Where the leader answers agents; undefined where none does. */
  sync: Listener | undefined;
}

const namespaces = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces' };
const configMaps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const serviceAccounts = { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' };
const daemonSets = { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets' };
const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };

const largeBytes = 900_000;
/** The NetExporter of the stranger whose agents have the tokens that vouch for reports. It stays between sequences. */
export const reporter = 'reporter';
/** The stranger shares a processor with whom it disturbs. */
const reportPauseMs = 20;
/** What the names of NetExporters begin with whose agents would use an account of somebody else's. */
export const borrowed = 'borrowed';

/** What is in the namespace all the time. */
const lasting = new Set(['default', 'kube-root-ca.crt', reporter, agentNames(reporter).agent]);

/** The metadata of a child of a NetExporter that is not there. Without the finalizer it would be collected. */
function forged(name: string): object {
  const owner = { apiVersion: `${netExporters.group}/${netExporters.version}`, kind: netExporters.kind };
  const ownerReferences = [{ ...owner, name, uid: randomUUID(), controller: true }];
  return { labels: { [managedByLabel]: managerName }, ownerReferences, finalizers: ['example.com/kept'] };
}

/** The garbage collector removes the children of what is deleted. */
function unlessGone(error: Error): void {
  if (!(error instanceof ClusterApiError) || error.status !== 404) throw error;
}

function onlyOn(nodes: readonly string[]): object {
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }];
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } };
}

/** Somebody with a namespace of the cluster and a way to the operators' ports, and no good intentions. */
export class Stranger {
  readonly #api: ClusterApi;
  readonly #namespace: string;
  readonly #sockets: Socket[] = [];
  /** How its reports were answered, of each time that it sent some. */
  readonly #answers: HostileAnswers[] = [];
  /** Makes the names of its objects different. */
  #objects = 0;
  #netExporters = 0;
  #leaving = new AbortController();

  /** How many NetExporters it has made: those are work for the operator. */
  get netExporters(): number {
    return this.#netExporters;
  }

  /** How many of its agent's reports were accepted. */
  get acceptedReports(): number {
    return this.#answers.reduce((sum, answers) => sum + acceptedReports(answers), 0);
  }

  constructor(api: ClusterApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  /**
   * Does it, with objects of new names each time.
   * @throws {ClusterApiError} when the API server does not let it
   * @throws Error when it is to send reports, and has no agent or nobody to send them to
   */
  async commit(trespass: Trespass, { http, sync }: Listeners): Promise<void> {
    switch (trespass.kind) {
      case 'services':
        for (let index = 0; index < trespass.count; index++)
          await this.#netExporter(`services-${this.#objects++}`, { dns: { service: { name: `dns-${index}` } } });
        return;
      case 'large-objects': {
        const labels = { [managedByLabel]: managerName };
        const data = { text: 'x'.repeat(largeBytes) };
        for (let index = 0; index < trespass.count; index++) {
          const instance = `large-${this.#objects++}`;
          if (index % 2 === 0) await this.#create(configMaps, instance, { metadata: { labels }, data });
          else await this.#create(configMaps, agentNames(instance).agent, { metadata: forged(instance), data });
        }
        return;
      }
      case 'account':
        await this.#create(serviceAccounts, agentNames(`${borrowed}-${this.#objects}`).agent);
        return this.#netExporter(`${borrowed}-${this.#objects++}`, {});
      case 'affinity':
        return this.#netExporter(`affinity-${this.#objects++}`, { agent: { affinity: trespass.affinity } });
      case 'connections':
        for (const listener of [...http, ...(sync ? [sync] : [])])
          for (let index = 0; index < trespass.count; index++) this.#connect(listener);
        return;
      case 'reports':
        if (!sync) throw new Error('no operator takes reports');
        await this.#report(sync, trespass.forMs);
    }
  }

  /** What the operator did for a stranger and must not do, each in a sentence. */
  async gains(): Promise<string[]> {
    const namespace = this.#namespace;
    const made = await this.#api.items(pathOf(daemonSets, { namespace }));
    return made
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith(borrowed))
      .map((name) => `the DaemonSet ${name} runs under a ServiceAccount that is not the operator's`);
  }

  /** Removes everything of the stranger's. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    const namespace = this.#namespace;
    // The NetExporters first: while the operator sees them, it would create their children again.
    for (const resource of [netExporters, configMaps, serviceAccounts])
      for (const { metadata } of await this.#api.items(pathOf(resource, { namespace })))
        if (!lasting.has(metadata.name)) {
          const path = pathOf(resource, { namespace, name: metadata.name });
          if (resource === configMaps)
            await this.#api.patch(path, 'merge', { metadata: { finalizers: null } }).catch(unlessGone);
          await this.#api.delete(path).catch(unlessGone);
        }
  }

  /**
   * Makes the namespace, once.
   * @param nodes where agents of its own are to run, which it needs for reports
   */
  async arrive(nodes: readonly string[] = []): Promise<void> {
    const name = this.#namespace;
    const present = await this.#api.items(pathOf(namespaces));
    if (present.every(({ metadata }) => metadata.name !== name))
      await this.#api.create(pathOf(namespaces), { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    if (nodes.length === 0) return;
    const path = pathOf(netExporters, { namespace: name });
    if ((await this.#api.items(path)).some(({ metadata }) => metadata.name === reporter)) return;
    await this.#create(netExporters, reporter, {
      spec: { agent: { affinity: { nodeAffinity: onlyOn(nodes) } }, dns: { enabled: false } },
    });
  }

  async #netExporter(name: string, { agent, ...spec }: { agent?: object; dns?: object }): Promise<void> {
    // Its agents run nowhere: the tests are about the operator.
    const nowhere = { nodeSelector: { 'example.com/no-node': 'true' } };
    await this.#create(netExporters, name, { spec: { ...spec, agent: { ...agent, ...nowhere } } });
    this.#netExporters++;
  }

  async #create(
    resource: typeof netExporters,
    name: string,
    { metadata, ...rest }: { metadata?: object; [field: string]: unknown } = {},
  ): Promise<void> {
    const { group, version, kind } = resource;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const object = { apiVersion, kind, metadata: { ...metadata, name }, ...rest };
    await this.#api.create(pathOf(resource, { namespace: this.#namespace }), object);
  }

  /** Waits until it has an agent that can send reports. @param timeout in milliseconds */
  async hasReporter(timeout: number): Promise<void> {
    await waitFor(`an agent of ${this.#namespace}`, () => this.#reporter(), { timeout });
  }

  /** @throws Error if there is none, or if it does not know the operator */
  async #reporter(): Promise<{ agent: ApiObject; access: SyncAccess }> {
    const namespace = this.#namespace;
    const [agents, maps] = await Promise.all([
      this.#api.items(pathOf(pods, { namespace })),
      this.#api.items(pathOf(configMaps, { namespace })),
    ]);
    const agent = agents.find(({ metadata }) => metadata.labels?.[instanceLabel] === reporter);
    const access = syncAccessIn(maps.find(({ metadata }) => metadata.name === agentNames(reporter).agent));
    if (!agent) throw new Error(`${namespace} has no agent yet whose reports it could send`);
    if (!access) throw new Error(`the agents of ${namespace} have not been told where the operator is`);
    return { agent, access };
  }

  /** Sends reports as its agent. */
  async #report({ host, port }: Listener, forMs: number): Promise<void> {
    const namespace = this.#namespace;
    const { agent, access } = await this.#reporter();
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: agent.metadata.name, uid: agent.metadata.uid };
    const path = pathOf(serviceAccounts, { namespace, name: agentNames(reporter).agent, subresource: 'token' });
    const { status } = await this.#api.create(path, {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
      spec: { audiences: [tokenAudience], boundObjectRef, expirationSeconds: 600 },
    });
    const signal = AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(forMs)]);
    const { token } = status as { token: string };
    const leader = { ...access, address: `${host}:${port}` };
    this.#answers.push(runHostileAgent(leader, token, { pauseMs: reportPauseMs, signal }));
    await sleep(forMs, undefined, { signal: this.#leaving.signal }).catch(() => {});
  }

  #connect(listener: Listener): void {
    const socket = connect(listener, () => socket.write('GET /metrics HTTP/1.1\r\nhost: operator\r\n'));
    // That it is closed is what the operator may do.
    socket.on('error', () => {});
    this.#sockets.push(socket);
  }
}
