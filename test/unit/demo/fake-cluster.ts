import { CommandError } from '../../cluster/command.ts';
import type { KubeObject } from '../../demo/object-access.ts';
import { nameOf, ObjectAccess } from '../../demo/object-access.ts';

/** A cluster in memory that understands what ObjectAccess asks of kubectl. */
export class FakeCluster {
  readonly objects = new Map<string, KubeObject>();
  /** Called before each deletion with the name of its object. */
  beforeDeletion: (name: string) => void = () => {};
  readonly deleted: string[] = [];
  readonly access = new ObjectAccess((args, options) => this.#run(args, options?.input ?? ''));
  #uids = 0;

  add(object: KubeObject): KubeObject {
    const metadata = { uid: `uid-${++this.#uids}`, creationTimestamp: '2026-01-01T00:00:00Z', ...object.metadata };
    const stored = { ...object, metadata };
    this.objects.set(nameOf(object), stored);
    return stored;
  }

  get names(): string[] {
    return [...this.objects.keys()];
  }

  async #run(args: string[], input: string): Promise<string> {
    const [verb, flag = '', path = ''] = args;
    if (verb === 'api-resources')
      return 'configmaps\nevents\nevents.events.k8s.io\npods.metrics.k8s.io\nnetexporters.net-exporter.dev\n';
    if (verb === 'get' && flag === '--raw' && path.endsWith('/netexporters')) {
      const items = [...this.objects.values()].filter(({ kind }) => kind === 'NetExporter');
      return JSON.stringify({ items });
    }
    if (verb === 'get' && flag === '--raw') return JSON.stringify(this.#at(path));
    if (verb === 'get' && args.includes('-f')) {
      const { items } = JSON.parse(input) as { items: KubeObject[] };
      return JSON.stringify({ items: items.map((item) => this.objects.get(nameOf(item))).filter((found) => found) });
    }
    if (verb === 'get') {
      const namespace = args[args.indexOf('-n') + 1];
      const items = [...this.objects.values()].filter(({ metadata }) => metadata.namespace === namespace);
      return JSON.stringify({ items });
    }
    if (verb === 'delete') {
      const found = this.#at(path);
      this.beforeDeletion(nameOf(found));
      const { preconditions } = JSON.parse(input) as { preconditions: { uid: string } };
      const now = this.#at(path);
      if (now.metadata.uid !== preconditions.uid) throw new CommandError(args, 1, 'Error from server (Conflict): uid');
      this.#remove(now);
      return JSON.stringify(now);
    }
    throw new Error(`unexpected: ${args.join(' ')}`);
  }

  #at(path: string): KubeObject {
    const [, scope, resource = '', name] = /(?:namespaces\/([^/]+)\/)?([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const found = [...this.objects.values()].find(
      ({ kind, metadata }) =>
        metadata.name === name &&
        metadata.namespace === scope &&
        kind.toLowerCase().replace(/y$/, 'ie').replace(/s$/, 'se') === resource.replace(/s$/, ''),
    );
    if (!found) throw new CommandError(['get'], 1, 'Error from server (NotFound): the server could not find it');
    return found;
  }

  /** With a namespace goes its content, and with a definition the objects of its kind. */
  #remove(object: KubeObject): void {
    this.deleted.push(nameOf(object));
    for (const [name, other] of this.objects) {
      const isInside = object.kind === 'Namespace' && other.metadata.namespace === object.metadata.name;
      const isDefined = object.kind === 'CustomResourceDefinition' && other.kind === 'NetExporter';
      if (isInside || isDefined || name === nameOf(object)) this.objects.delete(name);
    }
  }
}
