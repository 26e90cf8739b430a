import assert from 'node:assert/strict';
import type { ListPage, WatchEvent } from '../../../src/operator/kube/api-client.ts';
import type { KubeObject } from '../../../src/operator/kube/kube-object.ts';

/** An API server that keeps the one object of a name, and tells of every change on the watch. */
export class OneObjectServer {
  readonly #namespace: string;
  readonly #name: string;
  readonly writes: string[] = [];
  object: KubeObject | undefined;
  failure: Error | undefined;
  #version = 100;
  readonly #events: WatchEvent[] = [];
  #wake = () => {};

  constructor(namespace: string, name: string) {
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Someone else's doing, or what an accepted write does. */
  put(object: object | undefined): KubeObject {
    const before = this.object;
    const resourceVersion = String(++this.#version);
    const metadata = { uid: before?.metadata.uid ?? `uid-${resourceVersion}`, resourceVersion };
    const content = (object ?? before) as KubeObject;
    const after = { ...content, metadata: { ...content.metadata, ...metadata } } as KubeObject;
    this.object = object === undefined ? undefined : after;
    this.#events.push({ type: object === undefined ? 'DELETED' : before ? 'MODIFIED' : 'ADDED', object: after });
    this.#wake();
    return after;
  }

  readonly client = {
    list: async (_: unknown, query: { fieldSelector?: string; namespace?: string }): Promise<ListPage> => {
      assert.deepEqual([query.namespace, query.fieldSelector], [this.#namespace, `metadata.name=${this.#name}`]);
      return { metadata: { resourceVersion: String(this.#version) }, items: this.object ? [this.object] : [] };
    },
    watch: async (_: unknown, query: { resourceVersion: string }, _idleMs: number, signal: AbortSignal) =>
      this.#eventsAfter(Number(query.resourceVersion), signal),
    create: async (_: unknown, __: string, object: object) => this.#write('create', object),
    apply: async (_: unknown, __: unknown, object: object) => this.#write('apply', object),
    delete: async () => {
      this.writes.push('delete');
      this.put(undefined);
    },
  };

  async #write(verb: string, object: object): Promise<KubeObject> {
    this.writes.push(verb);
    if (this.failure) throw this.failure;
    return this.put(object);
  }

  async *#eventsAfter(version: number, signal: AbortSignal): AsyncGenerator<WatchEvent, void> {
    signal.addEventListener('abort', () => this.#wake());
    for (let next = 0; !signal.aborted; ) {
      const event = this.#events[next];
      if (!event)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      else {
        next++;
        if (Number(event.object.metadata.resourceVersion) > version) yield event;
      }
    }
  }
}
