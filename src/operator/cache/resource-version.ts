/**
 * Whether a version of an object or a list is newer than another: versions of one resource are decimal numbers that rise
 * (KEP-5504).
 */
export function isNewer(resourceVersion: string, than: string): boolean {
  if (resourceVersion.length !== than.length) return resourceVersion.length > than.length;
  return resourceVersion > than;
}
