import assert from 'node:assert/strict';
import type { ListPage, WatchEvent } from '../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../src/operator/kube/kube-object.ts';

/** An API server that keeps the one object of a name, and tells of every change on the watch. */
export class OneObjectServer {
  readonly #namespace: string;
  readonly #name: string;
  readonly writes: string[] = [];
  object: KubeObject | undefined;
  failure: Error | undefined;
  /** While it is so, the watch tells nothing. */
  isSilent = false;
  #version = 100;
  /** How often it was restored. */
  #history = 0;
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

  /** It tells what it has been silent about. */
  speak(): void {
    this.isSilent = false;
    this.#wake();
  }

  /** A backup of the time when there was this: watches break off, and what they told is not so any more. */
  restore(object: KubeObject): void {
    this.object = object;
    this.#version = Number(object.metadata.resourceVersion);
    this.#events.length = 0;
    this.#history++;
    this.#wake();
  }

  readonly client = {
    list: async (_: unknown, query: { fieldSelector?: string; namespace?: string }): Promise<ListPage> => {
      assert.deepEqual([query.namespace, query.fieldSelector], [this.#namespace, `metadata.name=${this.#name}`]);
      return { metadata: { resourceVersion: String(this.#version) }, items: this.object ? [this.object] : [] };
    },
    watch: async (_: unknown, query: { resourceVersion: string }, _idleMs: number, signal: AbortSignal) =>
      this.#eventsAfter(Number(query.resourceVersion), signal),
    create: async (_: unknown, __: string, object: object) => {
      const taken = new ApiError('AlreadyExists', 'there is one', { status: 409 });
      return this.#write('create', object, this.object && taken);
    },
    apply: async (_: unknown, __: unknown, object: { metadata: { uid?: string } }) => {
      const isOther = object.metadata.uid !== this.object?.metadata.uid;
      const conflict = new ApiError('Conflict', 'it is another one', { status: 409 });
      return this.#write('apply', object, isOther ? conflict : undefined);
    },
    delete: async () => {
      this.writes.push('delete');
      this.put(undefined);
    },
  };

  async #write(verb: string, object: object, refusal: ApiError | undefined): Promise<KubeObject> {
    this.writes.push(verb);
    const failure = this.failure ?? refusal;
    if (failure) throw failure;
    const { metadata, ...content } = object as KubeObject;
    // What other managers have set stays.
    const annotations = { ...this.object?.metadata.annotations, ...metadata.annotations };
    return this.put({ ...content, metadata: { ...metadata, annotations } });
  }

  async *#eventsAfter(version: number, signal: AbortSignal): AsyncGenerator<WatchEvent, void> {
    signal.addEventListener('abort', () => this.#wake());
    const history = this.#history;
    for (let next = 0; !signal.aborted; ) {
      if (history !== this.#history) throw new ApiError('Unavailable', 'the connection broke off');
      const event = this.isSilent ? undefined : this.#events[next];
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
