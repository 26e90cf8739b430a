import { CommandError } from '../cluster/command.ts';
import { waitFor } from '../cluster/wait.ts';
import type { Kubectl } from '../e2e/agents.ts';

/** What identifies an object on a cluster. */
export interface ObjectReference {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** An object as the API server has it, or as it is to be created. */
export interface KubeObject extends ObjectReference {
  metadata: ObjectReference['metadata'] & {
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Record<string, string>;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string }[];
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** The right to do something, in the words of a SelfSubjectAccessReview. */
export interface Right {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
}

/** `Kind namespace/name`. */
export function nameOf({ kind, metadata: { namespace, name } }: ObjectReference): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** The resource of a kind in URLs and RBAC rules; holds for every kind that the demo creates. */
export function resourceOf({ apiVersion, kind }: Pick<ObjectReference, 'apiVersion' | 'kind'>): {
  group: string;
  resource: string;
} {
  const singular = kind.toLowerCase();
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  if (singular.endsWith('y')) return { group, resource: `${singular.slice(0, -1)}ies` };
  return { group, resource: singular.endsWith('s') ? `${singular}es` : `${singular}s` };
}

/** Reads, creates and deletes single objects, so that nothing but the object that is meant can be changed. */
export class ObjectAccess {
  readonly kubectl: Kubectl;

  constructor(kubectl: Kubectl) {
    this.kubectl = kubectl;
  }

  /** @returns undefined where the cluster has no such object, or no such API */
  async get(reference: ObjectReference): Promise<KubeObject | undefined> {
    return this.#unlessAbsent(['get', '--raw', pathOf(reference)]);
  }

  /** Those of several objects that exist. */
  async getAll(references: readonly ObjectReference[]): Promise<KubeObject[]> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: references });
    return items(await this.kubectl(['get', '--ignore-not-found', '-o', 'json', '-f', '-'], { input }));
  }

  /**
   * Creates an object. Unlike `apply`, this changes nothing when an object of that name exists.
   * @throws Error with the API server's message, also when the object exists
   */
  async create(object: KubeObject): Promise<KubeObject> {
    const output = await this.kubectl(['create', '-o', 'json', '-f', '-'], { input: JSON.stringify(object) });
    return JSON.parse(output) as KubeObject;
  }

  /** Deletes exactly the object that was read, not a later one of its name. It may still exist for a while. */
  async delete(object: KubeObject): Promise<void> {
    if (object.metadata.deletionTimestamp !== undefined) return;
    const preconditions = { uid: object.metadata.uid };
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
    await this.#unlessAbsent(['delete', '--raw', pathOf(object), '-f', '-'], input);
  }

  /** Waits until an object that was deleted is gone. */
  async waitUntilGone(object: KubeObject, signal?: AbortSignal): Promise<void> {
    const gone = async () => (await this.get(object))?.metadata.uid !== object.metadata.uid;
    await waitFor(`removal of ${nameOf(object)}`, gone, { timeout: 180_000, interval: 500, signal });
  }

  /** All objects of a kind in all namespaces; none where the cluster does not serve the kind. */
  async list(type: Pick<ObjectReference, 'apiVersion' | 'kind'>): Promise<KubeObject[]> {
    // Not by kubectl's own discovery, which may be out of date: that there is none must be the API server's answer.
    const list = await this.#unlessAbsent<{ items: KubeObject[] }>(['get', '--raw', collectionOf(type)]);
    return list?.items ?? [];
  }

  /** All objects in a namespace of every type that can be listed. */
  async contentOf(namespace: string): Promise<KubeObject[]> {
    const resources = await this.kubectl(['api-resources', '--verbs=list', '--namespaced', '-o', 'name']);
    const types = resources.split('\n').filter((resource) => resource !== '' && !computed.test(resource));
    return items(await this.kubectl(['get', types.join(), '-n', namespace, '--ignore-not-found', '-o', 'json']));
  }

  /** Which of these rights the user lacks. */
  async lacking(rights: readonly Right[]): Promise<Right[]> {
    const list = rights.map(({ namespace, ...attributes }) => ({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { ...attributes, ...(namespace !== undefined && { namespace }) } },
    }));
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list });
    const output = await this.kubectl(['create', '-f', '-', '-o', 'jsonpath={.status.allowed}{"\\n"}'], { input });
    const answers = output.trim().split('\n');
    if (answers.length !== rights.length) throw new Error(`cannot check the rights: kubectl printed ${output}`);
    return rights.filter((_, index) => answers[index] !== 'true');
  }

  async #unlessAbsent<T = KubeObject>(args: string[], input = ''): Promise<T | undefined> {
    try {
      return JSON.parse(await this.kubectl(args, { input })) as T;
    } catch (error) {
      if (error instanceof CommandError && error.stderr.includes('(NotFound)')) return undefined;
      throw error;
    }
  }
}

/** Resources that no user creates: their content is computed from other objects. */
const computed = /^(events|endpoints)(\.|$)|\.(metrics\.k8s\.io|packages\.operators\.coreos\.com)$/;

/** The objects that `kubectl get -o json` prints: none, a single one, or a list. */
function items(output: string): KubeObject[] {
  if (output.trim() === '') return [];
  const printed = JSON.parse(output) as KubeObject | { kind: 'List'; items: KubeObject[] };
  return 'items' in printed ? printed.items : [printed];
}

function pathOf(reference: ObjectReference): string {
  return `${collectionOf(reference, reference.metadata.namespace)}/${reference.metadata.name}`;
}

function collectionOf(type: Pick<ObjectReference, 'apiVersion' | 'kind'>, namespace?: string): string {
  const root = type.apiVersion.includes('/') ? 'apis' : 'api';
  const scope = namespace === undefined ? '' : `namespaces/${namespace}/`;
  return `/${root}/${type.apiVersion}/${scope}${resourceOf(type).resource}`;
}
