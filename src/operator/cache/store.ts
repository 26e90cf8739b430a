/** What was in a store and what is there now. */
export interface StoreChange<T> {
  key: string;
  before: T | undefined;
  after: T | undefined;
}

/** An index: the values under which an object is found. It depends on the object alone. */
export type Index<T> = (object: T) => string[];

/** An object, its resourceVersion and its uid. */
export interface StoredObject<T> {
  object: T;
  version: string | undefined;
  uid?: string | undefined;
}

/** Objects by key, with indexes and one listener. Written by one reflector, read by everyone. */
export class Store<T> {
  readonly #objects = new Map<string, StoredObject<T>>();
  readonly #indexes = new Map<string, { of: Index<T>; keys: Map<string, Set<string>> }>();
  #listener: (change: StoreChange<T>) => void = () => {};
  #rewoundListener: () => void = () => {};
  #faultListener: (key: string, error: unknown) => void = (_key, error) => {
    throw error;
  };

  constructor(indexes: Record<string, Index<T>> = {}) {
    for (const [name, of] of Object.entries(indexes)) this.#indexes.set(name, { of, keys: new Map() });
  }

  /** Calls back after every change of content. */
  onChange(listener: (change: StoreChange<T>) => void): void {
    this.#listener = listener;
  }

  /**
   * Calls back after etcd was restored from a backup: objects may be older than before without a change event, and
   * previous resourceVersions are meaningless.
   */
  onRewound(listener: () => void): void {
    this.#rewoundListener = listener;
  }

  /** Tells so. */
  rewound(): void {
    this.#guard('', () => this.#rewoundListener());
  }

  /**
   * Calls back when another listener has thrown, with the key of the object that it was called for: the changes of
   * other objects go on. Without this listener the error goes to whoever changes the store.
   */
  onFault(listener: (key: string, error: unknown) => void): void {
    this.#faultListener = listener;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)?.object;
  }

  /** The object with its resourceVersion and uid. */
  entry(key: string): StoredObject<T> | undefined {
    return this.#objects.get(key);
  }

  *values(): Iterable<T> {
    for (const { object } of this.#objects.values()) yield object;
  }

  /** The objects that the index puts under this value. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new RangeError(`unknown index ${name}`);
    return [...(index.keys.get(value) ?? [])].map((key) => this.#objects.get(key)!.object);
  }

  /** @param version its resourceVersion; if the store has it in this version already, nothing changes */
  set(key: string, after: T, version?: string, uid?: string): void {
    const before = this.#objects.get(key);
    if (before !== undefined && version !== undefined && before.version === version) return;
    this.#objects.set(key, { object: after, version, uid });
    this.#reindex(key, before?.object, after);
    this.#guard(key, () => this.#listener({ key, before: before?.object, after }));
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#reindex(key, before.object, undefined);
    this.#guard(key, () => this.#listener({ key, before: before.object, after: undefined }));
  }

  #guard(key: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#faultListener(key, error);
    }
  }

  /** Makes these the only objects. */
  replace(objects: Map<string, StoredObject<T>>): void {
    for (const key of [...this.#objects.keys()]) if (!objects.has(key)) this.delete(key);
    for (const [key, { object, version, uid }] of objects) this.set(key, object, version, uid);
  }

  #reindex(key: string, before: T | undefined, after: T | undefined): void {
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : of(before)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
      for (const value of after === undefined ? [] : of(after)) {
        const set = keys.get(value);
        if (set) set.add(key);
        else keys.set(value, new Set([key]));
      }
    }
  }
}
