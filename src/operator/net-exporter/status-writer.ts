import { isDeepStrictEqual } from 'node:util';
import type { NetExporter, NetExporterStatus } from '../../crd/net-exporter.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { LatestWrites } from '../kube/latest-writes.ts';
import { netExporters } from './watched-kinds.ts';

/** How often a write is tried on a newer version of the object before the reconcile is left to try again. */
const attempts = 4;

/** A status that has been written, and what stood there before. */
export interface WrittenStatus {
  before: NetExporterStatus | undefined;
  after: NetExporterStatus;
}

/** Writes the status of NetExporters, only where it differs, and only over the version that it was computed from. */
export class StatusWriter {
  readonly #client: Pick<ApiClient, 'get' | 'mergePatch'>;

  readonly #written = new LatestWrites<NetExporter>();

  constructor(client: Pick<ApiClient, 'get' | 'mergePatch'>) {
    this.#client = client;
  }

  /**
   * @param resource as it was last seen; it may be out of date
   * @param compute the status, given the one before
   * @returns undefined where nothing had to be written or the object is gone
   */
  async write(
    resource: NetExporter,
    compute: (previous: NetExporterStatus | undefined) => NetExporterStatus,
    signal?: AbortSignal,
  ): Promise<WrittenStatus | undefined> {
    const { namespace, name, uid } = resource.metadata;
    const newest = this.#written.newest(resource);
    let { resourceVersion } = newest.metadata;
    let before = newest.status;
    for (let attempt = 1; ; attempt++) {
      const after = compute(before);
      if (isDeepStrictEqual(before, after)) return undefined;
      const patch = { metadata: { uid, resourceVersion }, status: after };
      try {
        const place = { namespace, name, subresource: 'status' };
        this.#written.note(
          (await this.#client.mergePatch(netExporters, place, patch, signal)) as unknown as NetExporter,
        );
        return { before, after };
      } catch (error) {
        if (isApiError(error, 'NotFound')) return undefined;
        if (!isApiError(error, 'Conflict') || attempt === attempts) throw error;
      }
      const live = await this.#read(namespace, name, signal);
      if (live?.metadata.uid !== uid) return undefined;
      ({ resourceVersion } = live.metadata);
      before = live.status;
    }
  }

  /** Drops what is remembered about an object that is gone. */
  forget(uid: string): void {
    this.#written.forget(uid);
  }

  async #read(namespace: string, name: string, signal?: AbortSignal): Promise<NetExporter | undefined> {
    try {
      return (await this.#client.get(netExporters, { namespace, name }, signal)) as unknown as NetExporter;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}
