/** Of an object, what tells one of its versions from another. */
interface Versioned {
  metadata: { uid: string; resourceVersion: string };
}

/**
 * What our own writes made of objects, until the watch has caught up with them: who decides by the older version that the
 * watch still shows writes everything twice, or runs into a conflict with itself.
 */
export class LatestWrites<T extends Versioned> {
  readonly #byUid = new Map<string, T>();

  note(written: T): void {
    this.#byUid.set(written.metadata.uid, written);
  }

  /** The newer one of what the watch shows and what we wrote. */
  newest(watched: T): T {
    const { uid, resourceVersion } = watched.metadata;
    const written = this.#byUid.get(uid);
    if (written && isNewer(written.metadata.resourceVersion, resourceVersion)) return written;
    this.#byUid.delete(uid);
    return watched;
  }

  /** The history in which all of it was written is gone (`Store.onRewound`): no watch will ever catch up with it. */
  clear(): void {
    this.#byUid.clear();
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}

/**
 * Whether a version of an object or a list is newer than another: versions of one resource are decimal numbers that rise
 * (KEP-5504).
 */
export function isNewer(resourceVersion: string, than: string): boolean {
  if (resourceVersion.length !== than.length) return resourceVersion.length > than.length;
  return resourceVersion > than;
}
