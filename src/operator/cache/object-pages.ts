import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { checkedPage } from '../kube/checked-answers.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';

/** Objects per page: bounds the memory of this process and of the API server. */
const pageSize = 500;

/** Pages of fewer objects say that some are very large: pods and nodes take some 10 and 30 kB of JSON. */
const usualSize = 50;

/** Maximum number of pages that are read before larger ones are tried again. */
const maxPagesBeforeGrowth = 8;

/** Which objects to list; all of all namespaces by default. */
export interface Selection {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  namespace?: string | undefined;
}

/**
 * Reads lists page by page. A page with more bytes than the client accepts is requested again with half as many
 * objects, down to one, so that large objects cannot make a list impossible. After it, pages grow again, so that one
 * such object does not slow down the rest of the list, which has to be read before etcd compacts its version (410).
 */
export class ObjectPages {
  readonly #client: Pick<ApiClient, 'list'>;
  readonly #resource: Resource;
  #limit = pageSize;
  /** The smallest limit of the last list, and of the current one. */
  #smallest = pageSize;
  /** Whether no page has been read since the limit was raised. */
  #hasGrown = false;
  /**
   * Number of pages to read before the limit is raised. Where all objects are large, larger pages fail again and again,
   * so they are tried less and less often.
   */
  #pagesBeforeGrowth = 1;
  #pagesSinceChange = 0;

  constructor(client: Pick<ApiClient, 'list'>, resource: Resource) {
    this.#client = client;
    this.#resource = resource;
  }

  /** Says that large objects reduce the size of pages; undefined if they do not by much. */
  noticeFor(resource: string): string | undefined {
    if (this.#smallest >= usualSize) return undefined;
    return `listing some of the ${resource} only ${this.#smallest} at a time, because they are very large`;
  }

  /**
   * Reads every page.
   * @param take is called with each object
   * @returns the version to watch from
   * @throws ApiError
   */
  async read(selection: Selection, take: (object: KubeObject) => void, signal: AbortSignal): Promise<string> {
    let smallest = pageSize;
    let next: string | undefined;
    let version: string;
    do {
      const { metadata, items } = await this.#page(selection, next, signal);
      smallest = Math.min(smallest, this.#limit);
      this.#smallest = Math.min(this.#smallest, smallest);
      this.#grow();
      for (const object of items) take(object);
      version = metadata.resourceVersion;
      next = metadata.continue;
    } while (next);
    this.#smallest = smallest;
    return version;
  }

  async #page(selection: Selection, next: string | undefined, signal: AbortSignal) {
    for (;;) {
      try {
        const query = { ...selection, limit: this.#limit, continue: next };
        return checkedPage(await this.#client.list(this.#resource, query, signal), this.#resource);
      } catch (error) {
        if (!isApiError(error, 'TooLarge') || this.#limit === 1) throw error;
        this.#shrink();
      }
    }
  }

  /** A page was read. */
  #grow(): void {
    if (this.#hasGrown) this.#pagesBeforeGrowth = 1;
    this.#hasGrown = false;
    if (this.#limit === pageSize || ++this.#pagesSinceChange < this.#pagesBeforeGrowth) return;
    this.#limit = Math.min(pageSize, this.#limit * 2);
    this.#hasGrown = true;
    this.#pagesSinceChange = 0;
  }

  /** A page was too large. */
  #shrink(): void {
    if (this.#hasGrown) this.#pagesBeforeGrowth = Math.min(maxPagesBeforeGrowth, this.#pagesBeforeGrowth * 2);
    this.#hasGrown = false;
    this.#limit = Math.floor(this.#limit / 2);
    this.#pagesSinceChange = 0;
  }
}
