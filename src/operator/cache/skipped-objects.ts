/** Maximum number of objects that are remembered; the metrics count all. */
const maxObjects = 1000;

/** Maximum number of objects that a sentence names. */
const maxNamed = 3;

/** The objects of a watch whose current version could not be processed. */
export class SkippedObjects {
  readonly #keys = new Set<string>();

  add(key: string): void {
    if (this.#keys.size < maxObjects) this.#keys.add(key);
  }

  /** The object was processed or deleted. */
  delete(key: string): void {
    this.#keys.delete(key);
  }

  clear(): void {
    this.#keys.clear();
  }

  /** Says which objects of this resource are affected; undefined if none is. */
  sentenceFor(resource: string): string | undefined {
    const { size } = this.#keys;
    if (size === 0) return undefined;
    const count = size < maxObjects ? `${size}` : `at least ${size}`;
    const named = [...this.#keys].slice(0, maxNamed).join(', ');
    const more = size > maxNamed ? ', …' : '';
    return `cannot process ${count} of the ${resource}, using what was last read of them: ${named}${more}`;
  }
}
