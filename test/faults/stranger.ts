import { connect, type Socket } from 'node:net';
import { agentNames, managedByLabel, managerName } from '../../src/contract/agent-names.ts';
import { netExporters } from '../../src/operator/cache/watched-kinds.ts';
import { pathOf } from '../../src/operator/kube/resource.ts';
import { type ClusterApi, ClusterApiError } from './cluster-api.ts';

/** What somebody can do who may create objects in a namespace, or open connections. */
export type Trespass =
  /** NetExporters that each name another Service of DNS servers. */
  | { kind: 'services'; count: number }
  /** ConfigMaps with the operator's label, of 900 kB each. */
  | { kind: 'large-objects'; count: number }
  /** A ServiceAccount of the name that a NetExporter's agents would use. */
  | { kind: 'account' }
  /** A NetExporter with an affinity that the CRD accepts, and the API server refuses in a pod template. */
  | { kind: 'affinity'; affinity: object }
  /** Connections to the operators that never send a whole request. */
  | { kind: 'connections'; count: number };

/** Where something accepts connections. */
export interface Listener {
  host: string;
  port: number;
}

const namespaces = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces' };
const configMaps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const serviceAccounts = { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' };
const daemonSets = { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets' };

const largeBytes = 900_000;
/** What the names of NetExporters begin with whose agents would use an account of somebody else's. */
export const borrowed = 'borrowed';

/** The garbage collector removes the children of what is deleted. */
function unlessGone(error: Error): void {
  if (!(error instanceof ClusterApiError) || error.status !== 404) throw error;
}

/** Somebody with a namespace of the cluster and a way to the operators' ports, and no good intentions. */
export class Stranger {
  readonly #api: ClusterApi;
  readonly #namespace: string;
  readonly #sockets: Socket[] = [];
  #objects = 0;

  constructor(api: ClusterApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  /**
   * Does it, with objects of new names each time.
   * @param listeners of the operators
   * @throws {ClusterApiError} when the API server does not let it
   */
  async commit(trespass: Trespass, listeners: readonly Listener[]): Promise<void> {
    switch (trespass.kind) {
      case 'services':
        for (let index = 0; index < trespass.count; index++)
          await this.#netExporter(`services-${this.#objects++}`, { dns: { service: { name: `dns-${index}` } } });
        return;
      case 'large-objects': {
        const metadata = { labels: { [managedByLabel]: managerName } };
        const data = { text: 'x'.repeat(largeBytes) };
        for (let index = 0; index < trespass.count; index++)
          await this.#create(configMaps, `large-${this.#objects++}`, { metadata, data });
        return;
      }
      case 'account':
        await this.#create(serviceAccounts, agentNames(`${borrowed}-${this.#objects}`).agent);
        return this.#netExporter(`${borrowed}-${this.#objects++}`, {});
      case 'affinity':
        return this.#netExporter(`affinity-${this.#objects++}`, { agent: { affinity: trespass.affinity } });
      case 'connections':
        for (const listener of listeners) for (let index = 0; index < trespass.count; index++) this.#connect(listener);
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
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    const namespace = this.#namespace;
    // The NetExporters first: while the operator sees them, it would create their children again.
    for (const resource of [netExporters, configMaps, serviceAccounts])
      for (const { metadata } of await this.#api.items(pathOf(resource, { namespace })))
        if (metadata.name !== 'default' && metadata.name !== 'kube-root-ca.crt')
          await this.#api.delete(pathOf(resource, { namespace, name: metadata.name })).catch(unlessGone);
  }

  /** Makes the namespace, once. */
  async arrive(): Promise<void> {
    const name = this.#namespace;
    const present = await this.#api.items(pathOf(namespaces));
    if (present.every(({ metadata }) => metadata.name !== name))
      await this.#api.create(pathOf(namespaces), { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }

  #netExporter(name: string, { agent, ...spec }: { agent?: object; dns?: object }): Promise<void> {
    // Its agents run nowhere: the tests are about the operator.
    const nowhere = { nodeSelector: { 'example.com/no-node': 'true' } };
    return this.#create(netExporters, name, { spec: { ...spec, agent: { ...agent, ...nowhere } } });
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

  #connect(listener: Listener): void {
    const socket = connect(listener, () => socket.write('GET /metrics HTTP/1.1\r\nhost: operator\r\n'));
    // That it is closed is what the operator may do.
    socket.on('error', () => {});
    this.#sockets.push(socket);
  }
}
