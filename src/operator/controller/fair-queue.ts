/** Keys by the namespaces they are in: those of a namespace in order, and each namespace in turn. */
export class FairQueue {
  /** By namespace, the one whose turn it is first; none without keys. */
  readonly #byNamespace = new Map<string, string[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param key `namespace/name`, or a name without namespace */
  push(key: string): void {
    const namespace = key.slice(0, Math.max(0, key.indexOf('/')));
    const keys = this.#byNamespace.get(namespace);
    if (keys) keys.push(key);
    else this.#byNamespace.set(namespace, [key]);
    this.#length++;
  }

  shift(): string | undefined {
    for (const [namespace, keys] of this.#byNamespace) {
      const key = keys.shift();
      this.#byNamespace.delete(namespace);
      if (keys.length > 0) this.#byNamespace.set(namespace, keys);
      this.#length--;
      return key;
    }
    return undefined;
  }

  clear(): void {
    this.#byNamespace.clear();
    this.#length = 0;
  }
}
