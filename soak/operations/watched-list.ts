import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiObject, ClusterApi } from '../../test/faults/cluster-api.ts';

/** After a watch that failed. Milliseconds. */
const pauseMs = 500;

/** The objects of one list of the API server, kept up to date by a watch. */
export class WatchedList {
  readonly #objects = new Map<string, ApiObject>();
  readonly #api: Pick<ClusterApi, 'get' | 'watch'>;
  readonly #path: string;
  readonly #query: string;
  readonly #onChange: (object: ApiObject) => void;

  /**
   * @param path with a query, perhaps
   * @param onChange called after each change, with the object as it is or was last
   */
  constructor(api: Pick<ClusterApi, 'get' | 'watch'>, path: string, onChange: (object: ApiObject) => void) {
    const [place = '', query = ''] = path.split('?');
    this.#api = api;
    this.#path = place;
    this.#query = query;
    this.#onChange = onChange;
  }

  get objects(): ApiObject[] {
    return [...this.#objects.values()];
  }

  /** Lists, which has to succeed, and watches from then on until the signal is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const version = await this.#list();
    void this.#follow(version, signal);
  }

  async #follow(version: string, signal: AbortSignal): Promise<void> {
    for (let from: string | undefined = version; !signal.aborted; from = undefined) {
      try {
        await this.#watch(from ?? (await this.#list()), signal);
      } catch {
        // It is listed again: an API server that is away says nothing that could be wrong.
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #list(): Promise<string> {
    const { metadata, items } = await this.#api.get<{ metadata: { resourceVersion: string }; items: ApiObject[] }>(
      `${this.#path}?${this.#query}`,
    );
    const gone = new Map(this.#objects);
    this.#objects.clear();
    for (const object of items) {
      gone.delete(object.metadata.uid);
      this.#objects.set(object.metadata.uid, object);
      this.#onChange(object);
    }
    for (const object of gone.values()) this.#onChange(object);
    return metadata.resourceVersion;
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const query = `${this.#query}&watch=1&allowWatchBookmarks=true&resourceVersion=${version}`;
    for await (const { type, object } of this.#api.watch(`${this.#path}?${query}`, signal)) {
      if (type === 'BOOKMARK') continue;
      if (type === 'DELETED') this.#objects.delete(object.metadata.uid);
      else this.#objects.set(object.metadata.uid, object);
      this.#onChange(object);
    }
  }
}
