/** The metadata that identifies an object and its version. */
interface Versioned {
  metadata: { uid: string; resourceVersion: string };
}

/**
 * Objects as returned by this process's own writes, until the watch has caught up. Decisions based on the stale version
 * in the watch cache would repeat writes, or conflict with them. (Like client-go's MutationCache.)
 */
export class MutationCache<T extends Versioned> {
  readonly #byUid = new Map<string, T>();

  note(written: T): void {
    this.#byUid.set(written.metadata.uid, written);
  }

  /** The newer of the watched object and the written one. */
  newest(watched: T): T {
    const { uid, resourceVersion } = watched.metadata;
    const written = this.#byUid.get(uid);
    if (written && isNewer(written.metadata.resourceVersion, resourceVersion)) return written;
    this.#byUid.delete(uid);
    return watched;
  }

  /** The API server was restored to a previous state (`Store.onRewound`), so no watch will ever catch up. */
  clear(): void {
    this.#byUid.clear();
  }

  /** The object was deleted. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}

/**
 * Whether a version of an object or a list is newer than another: versions of one resource are decimal numbers that
 * rise (KEP-5504).
 */
export function isNewer(resourceVersion: string, than: string): boolean {
  if (resourceVersion.length !== than.length) return resourceVersion.length > than.length;
  return resourceVersion > than;
}
