import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { checkedPage } from '../kube/checked-answers.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';

/** Objects per page: bounds the memory of this process and of the API server. */
const pageSize = 500;

/** Pages of fewer objects say that some are very large: pods and nodes take some 10 and 30 kB of JSON. */
const usualSize = 50;

/** Which objects to list; all of all namespaces by default. */
export interface Selection {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  namespace?: string | undefined;
}

/**
 * Reads lists page by page. A page with more bytes than the client accepts is requested again with half as many
 * objects, down to one, so that large objects cannot make a list impossible. The next list begins with twice the last
 * size.
 */
export class ObjectPages {
  readonly #client: Pick<ApiClient, 'list'>;
  readonly #resource: Resource;
  #limit = pageSize;

  constructor(client: Pick<ApiClient, 'list'>, resource: Resource) {
    this.#client = client;
    this.#resource = resource;
  }

  /** Says that large objects reduce the size of pages; undefined if they do not by much. */
  noticeFor(resource: string): string | undefined {
    if (this.#limit >= usualSize) return undefined;
    return `listing ${resource} only ${this.#limit} at a time, because some of them are very large`;
  }

  /**
   * Reads every page.
   * @param take is called with each object
   * @returns the version to watch from
   * @throws ApiError
   */
  async read(selection: Selection, take: (object: KubeObject) => void, signal: AbortSignal): Promise<string> {
    this.#limit = Math.min(pageSize, this.#limit * 2);
    let next: string | undefined;
    let version: string;
    do {
      const { metadata, items } = await this.#page(selection, next, signal);
      for (const object of items) take(object);
      version = metadata.resourceVersion;
      next = metadata.continue;
    } while (next);
    return version;
  }

  async #page(selection: Selection, next: string | undefined, signal: AbortSignal) {
    for (;;) {
      try {
        const query = { ...selection, limit: this.#limit, continue: next };
        return checkedPage(await this.#client.list(this.#resource, query, signal), this.#resource);
      } catch (error) {
        if (!isApiError(error, 'TooLarge') || this.#limit === 1) throw error;
        this.#limit = Math.floor(this.#limit / 2);
      }
    }
  }
}
