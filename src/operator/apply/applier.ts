import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { appliedAnnotation } from '../../contract/agent-names.ts';
import { boundedChildOf, isPartial } from '../cache/child-object.ts';
import { MutationCache } from '../cache/mutation-cache.ts';
import type { Store } from '../cache/store.ts';
import type { ApiClient, Place } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { isNamesakes, planApply, stamped } from './apply-plan.ts';
import type { DeclaredObject, Owner } from './declared-object.ts';
import { type Difference, differencesOf, driftOf } from './drift.ts';
import { type FieldConflict, FieldConflicts } from './field-conflicts.ts';
import { otherManagers } from './field-managers.ts';
import { isImmutableRefusal } from './immutable-fields.ts';
import { asApplied } from './managed-fields.ts';

/** A kind of object that the operator applies, and the cache of those with the operator's label. */
export interface AppliedKind {
  resource: Resource;
  store: Store<KubeObject>;
  /** Maximum time between reverts of changes that another manager keeps making, in milliseconds. */
  maxRevertDelayMs?: number;
}

/** The result for one object. `why` continues a sentence whose subject is the object. */
export type ApplyResult =
  | { action: 'created'; object: KubeObject }
  /** `conflict`: it matches the declaration now, but a field manager kept overwriting it. */
  | { action: 'unchanged'; object: KubeObject; conflict?: FieldConflict }
  | { action: 'updated'; object: KubeObject; drift: string[]; conflict?: FieldConflict }
  /** It had no controller and belongs to the owner now, as declared. */
  | { action: 'adopted'; object: KubeObject; conflict?: FieldConflict }
  /** A field manager keeps overwriting it: not reverted yet. */
  | { action: 'yielded'; object: KubeObject; conflict: FieldConflict }
  /** Being recreated because this field is immutable. `deleted`: this call deleted the old object. */
  | { action: 'replacing'; field: string; deleted: boolean }
  | { action: 'waiting'; why: string }
  | { action: 'left'; why: string };

/**
 * After this many milliseconds, fields that the API server has dropped are sent again: a new definition may have them.
 */
export const droppedRetryMs = 10 * 60_000;

type Client = Pick<ApiClient, 'get' | 'create' | 'apply' | 'mergePatch' | 'delete'>;

/** Applies single objects: writes only if an object differs from its declaration. */
export class Applier {
  readonly #client: Client;
  readonly #manager: string;
  readonly #owners: Resource;
  /** By uid: differences that remain after an apply, because the API server writes the same value differently. */
  readonly #accepted = new Map<string, { fingerprint: string; atMs: number }>();
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #written = new MutationCache<KubeObject>();
  /** For each write in flight the uids of the objects that were deleted meanwhile: nothing is remembered of them. */
  readonly #deletedMeanwhile = new Set<Set<string>>();
  readonly #conflicts: FieldConflicts;

  /** @param owners the kind of what the objects belong to */
  constructor(client: Client, manager: string, owners: Resource, clock: Pick<Clock, 'monotonic'>) {
    this.#client = client;
    this.#manager = manager;
    this.#owners = owners;
    this.#clock = clock;
    this.#conflicts = new FieldConflicts(clock);
  }

  /**
   * Creates, updates or leaves one object.
   * @throws ApiError when the API server refuses or cannot be reached
   */
  async apply(object: DeclaredObject, kind: AppliedKind, owner: Owner, signal?: AbortSignal): Promise<ApplyResult> {
    const declared = stamped(object);
    const watched = kind.store.get(keyOf(declared));
    // An object missing from the cache may not exist, be too new, have lost the label, or belong to someone else.
    const known = watched && this.#written.newest(watched);
    const observed =
      known && !isPartial(known) ? known : await this.#client.get(kind.resource, placeOf(declared), signal);
    const plan = planApply(declared, observed, owner, this.#manager);
    if (plan.action === 'create') return this.#create(declared, kind.resource, signal);
    if (plan.action === 'leave') return { action: 'left', why: plan.why };
    if (plan.action === 'wait') return { action: 'waiting', why: plan.why };
    if (isNamesakes(observed!, owner) && !(await this.#isPresent(owner, declared.metadata.namespace, signal)))
      return { action: 'waiting', why: `belongs to another ${owner.kind} with the same name` };
    if (plan.action === 'replace') return this.#replace(observed!, plan.field, kind.resource, signal);
    const name = `${declared.kind} ${keyOf(declared)}`;
    if (plan.action === 'adopt') return this.#adopt(name, declared, observed!, kind, owner, signal);
    if (plan.action === 'none' || this.#isAccepted(declared, observed!))
      return {
        action: 'unchanged',
        object: observed!,
        ...withConflict(this.#conflicts.unresolved(name, hashOf(declared))),
      };
    const conflict = this.#conflicts.backingOff(name, hashOf(declared), plan.drift, kind.maxRevertDelayMs);
    if (conflict) return { action: 'yielded', object: observed!, conflict };
    return this.#revert(name, declared, observed!, plan.drift, kind, signal);
  }

  /** Deletes an object that the owner controls. @returns whether there was one */
  async remove(key: string, { resource, store }: AppliedKind, owner: Owner, signal?: AbortSignal): Promise<boolean> {
    const observed = store.get(key);
    if (!observed || observed.metadata.deletionTimestamp) return false;
    const { namespace = '' } = observed.metadata;
    const isOurs =
      controllerOf(observed)?.uid === owner.uid ||
      (isNamesakes(observed, owner) && (await this.#isPresent(owner, namespace, signal)));
    if (!isOurs) return false;
    await this.#delete(observed, resource, signal);
    return true;
  }

  /** Forgets an object that was deleted. */
  forget(uid: string): void {
    this.#accepted.delete(uid);
    this.#written.forget(uid);
    for (const deleted of this.#deletedMeanwhile) deleted.add(uid);
  }

  /** Forgets all writes: the API server was restored to a state that may not contain them. */
  forgetWrites(): void {
    this.#written.clear();
  }

  /**
   * Asks the API server whether this is still the owner of its name: objects of another owner must not be taken over.
   */
  async #isPresent({ name, uid }: Owner, namespace: string, signal?: AbortSignal): Promise<boolean> {
    const owner = await this.#client.get(this.#owners, { namespace, name }, signal);
    return owner?.metadata.uid === uid && owner.metadata.deletionTimestamp === undefined;
  }

  async #create(declared: DeclaredObject, resource: Resource, signal?: AbortSignal): Promise<ApplyResult> {
    const create = () => this.#client.create(resource, declared.metadata.namespace, declared, signal);
    const object = await this.#remembered(create, (created) => this.#accept(declared, created));
    return { action: 'created', object };
  }

  async #revert(
    name: string,
    declared: DeclaredObject,
    observed: KubeObject,
    drift: string[],
    { resource }: AppliedKind,
    signal?: AbortSignal,
  ): Promise<ApplyResult> {
    const managers = otherManagers(observed.metadata.managedFields ?? [], drift, this.#manager);
    const recordRevert = () => this.#conflicts.reverted(name, hashOf(declared), drift, managers);
    try {
      const update = () => this.#update(declared, observed, drift, resource, signal);
      const object = await this.#remembered(update, (updated) => {
        this.#written.note(boundedChildOf(updated));
        this.#accept(declared, updated);
      });
      const isSame = object.metadata.resourceVersion === observed.metadata.resourceVersion;
      if (!isSame) recordRevert();
      const conflict = withConflict(this.#conflicts.unresolved(name, hashOf(declared)));
      return isSame ? { action: 'unchanged', object, ...conflict } : { action: 'updated', object, drift, ...conflict };
    } catch (error) {
      if (!isApiError(error) || !isImmutableRefusal(error)) throw error;
      const replacing = await this.#replace(observed, drift.join(', '), resource, signal);
      recordRevert();
      return replacing;
    }
  }

  async #update(
    declared: DeclaredObject,
    observed: KubeObject,
    drift: string[],
    resource: Resource,
    signal?: AbortSignal,
  ): Promise<KubeObject> {
    const { uid, resourceVersion } = observed.metadata;
    const managedFields = asApplied(observed.metadata.managedFields ?? [], this.#manager);
    if (managedFields) {
      const patch = { metadata: { uid, resourceVersion, managedFields } };
      await this.#client.mergePatch(resource, placeOf(declared), patch, signal);
    }
    // With the uid, the apply fails if the object was deleted meanwhile, and changes no other object of that name.
    const metadata = { ...declared.metadata, uid };
    const apply = () => this.#client.apply(resource, placeOf(declared), { ...declared, metadata }, signal);
    return apply().catch(async (error) => {
      const lists = isApiError(error, 'Invalid') ? driftedLists(declared, drift) : undefined;
      if (!lists) throw error;
      // Another manager's item conflicts with ours, such as a port of another number with our name: together they are
      // invalid. So replace the declared lists as a whole.
      const patch = { ...lists, metadata: { ...lists.metadata, uid } };
      await this.#client.mergePatch(resource, placeOf(declared), patch, signal);
      return apply();
    });
  }

  /**
   * Makes the owner the controller of an object that has none, provided that it still is as it was when that was
   * decided, and then updates it. After a failure in between, it is updated because its annotation differs.
   */
  async #adopt(
    name: string,
    declared: DeclaredObject,
    observed: KubeObject,
    kind: AppliedKind,
    owner: Owner,
    signal?: AbortSignal,
  ): Promise<ApplyResult> {
    // The garbage collector takes the owner references of orphans away while the owner is still there.
    if (!(await this.#isPresent(owner, declared.metadata.namespace, signal)))
      return { action: 'waiting', why: `waits until its ${owner.kind} is deleted` };
    const drift = driftOf(declared, observed);
    // Somebody may take the owner reference away again and again.
    const conflict = this.#conflicts.backingOff(name, hashOf(declared), drift, kind.maxRevertDelayMs);
    if (conflict) return { action: 'yielded', object: observed, conflict };
    const { uid, resourceVersion, ownerReferences = [] } = observed.metadata;
    const others = ownerReferences.filter((reference) => reference.uid !== owner.uid);
    const ours = declared.metadata.ownerReferences as object[];
    const patch = {
      ...{ uid, resourceVersion, ownerReferences: [...others, ...ours] },
      annotations: { [appliedAnnotation]: 'adopted' },
    };
    const adopted = await this.#client.mergePatch(kind.resource, placeOf(declared), { metadata: patch }, signal);
    const result = await this.#revert(name, declared, adopted, drift, kind, signal);
    if (result.action !== 'updated') return result;
    const { object, conflict: lasting } = result;
    return { action: 'adopted', object, ...withConflict(lasting) };
  }

  /** Remembers the result of a write, unless the watch has already shown that the object was deleted (`forget`). */
  async #remembered(write: () => Promise<KubeObject>, remember: (object: KubeObject) => void): Promise<KubeObject> {
    const deleted = new Set<string>();
    this.#deletedMeanwhile.add(deleted);
    try {
      const object = await write();
      if (!deleted.has(object.metadata.uid)) remember(object);
      return object;
    } finally {
      this.#deletedMeanwhile.delete(deleted);
    }
  }

  /**
   * Deletes an object to recreate it, which happens when the watch shows the deletion. The pods of a DaemonSet are
   * deleted in the background: new ones start meanwhile, and the overlap is shorter than the gap would be.
   */
  async #replace(observed: KubeObject, field: string, resource: Resource, signal?: AbortSignal): Promise<ApplyResult> {
    return { action: 'replacing', field, deleted: await this.#delete(observed, resource, signal) };
  }

  /** Deletes the object with this uid. @returns false if it was already gone */
  async #delete(observed: KubeObject, resource: Resource, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#client.delete(resource, placeOf(observed), observed.metadata.uid, signal);
      return true;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  #accept(declared: DeclaredObject, applied: KubeObject): void {
    const differences = differencesOf(declared, applied);
    if (differences.length === 0) this.#accepted.delete(applied.metadata.uid);
    else {
      const atMs = this.#clock.monotonic();
      this.#accepted.set(applied.metadata.uid, { fingerprint: fingerprint(differences, declared), atMs });
    }
  }

  #isAccepted(declared: DeclaredObject, observed: KubeObject): boolean {
    const accepted = this.#accepted.get(observed.metadata.uid);
    if (!accepted) return false;
    const differences = differencesOf(declared, observed);
    const isDropped = differences.some((difference) => difference.observed === undefined);
    if (isDropped && this.#clock.monotonic() - accepted.atMs >= droppedRetryMs) return false;
    return accepted.fingerprint === fingerprint(differences, declared);
  }
}

function hashOf({ metadata }: DeclaredObject): string {
  return metadata.annotations?.[appliedAnnotation] ?? '';
}

function withConflict(conflict: FieldConflict | undefined): { conflict?: FieldConflict } {
  return conflict ? { conflict } : {};
}

/** The declared lists in which something differs, with their parent fields; undefined if nothing in a list differs. */
function driftedLists(
  declared: DeclaredObject,
  drift: string[],
): (Record<string, unknown> & { metadata?: object }) | undefined {
  const paths = new Set(drift.filter((path) => path.includes('[')).map((path) => path.slice(0, path.indexOf('['))));
  if (paths.size === 0) return undefined;
  const lists: Record<string, unknown> = {};
  for (const path of paths) {
    const fields = path.split('.');
    const last = fields.pop()!;
    let from: Record<string, unknown> = declared;
    let to = lists;
    for (const field of fields) {
      from = from[field] as Record<string, unknown>;
      to[field] ??= {};
      to = to[field] as Record<string, unknown>;
    }
    to[last] = from[last];
  }
  return lists;
}

/**
 * Identifies accepted differences: the declaration and the object's values at the differing paths. Other changes of the
 * object, such as its resourceVersion or status, do not matter. A hash, because the values may be large.
 */
function fingerprint(differences: Difference[], { metadata }: DeclaredObject): string {
  const text = JSON.stringify([metadata.annotations?.[appliedAnnotation], differences]);
  return createHash('sha256').update(text).digest('hex');
}

function placeOf({ metadata }: { metadata: { name: string; namespace?: string } }): Place {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
