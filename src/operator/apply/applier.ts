import type { Clock } from '../../base/clock.ts';
import { appliedAnnotation } from '../../contract/agent-names.ts';
import { LatestWrites } from '../cache/latest-writes.ts';
import type { Store } from '../cache/store.ts';
import type { ApiClient, Place } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { type ApplyPlan, isNamesakes, planApply, stamped } from './apply-plan.ts';
import type { DeclaredObject, Owner } from './declared-object.ts';
import { driftOf } from './drift.ts';
import { otherManagers } from './field-managers.ts';
import { isImmutableRefusal } from './immutable-fields.ts';
import { asApplied } from './managed-fields.ts';
import { type Contest, Rivalry } from './rivalry.ts';

/** A kind of object that we apply, and our watched copy of those that carry our label. */
export interface AppliedKind {
  resource: Resource;
  store: Store<KubeObject>;
}

/** What became of one object. */
export type ApplyResult =
  | { action: 'created'; object: KubeObject }
  /** `contest`: as declared at present, but someone has kept changing it. */
  | { action: 'unchanged'; object: KubeObject; contest?: Contest }
  | { action: 'updated'; object: KubeObject; drift: string[]; contest?: Contest }
  /** Someone keeps changing it: left as it is for a while. */
  | { action: 'yielded'; object: KubeObject; contest: Contest }
  /** Being created anew, since this field cannot be changed. `deleted`: the old one has been deleted just now. */
  | { action: 'replacing'; field: string; deleted: boolean }
  | { action: 'waiting'; why: string }
  | { action: 'left'; why: string };

type Client = Pick<ApiClient, 'get' | 'create' | 'apply' | 'mergePatch' | 'delete'>;

/** Makes single objects what they are declared to be, writing only where they are not. */
export class Applier {
  readonly #client: Client;
  readonly #manager: string;
  readonly #owners: Resource;
  /** By object's uid: differences that stayed after an apply, since the API server writes the same value in another way. */
  readonly #accepted = new Map<string, string>();
  readonly #written = new LatestWrites<KubeObject>();
  readonly #rivalry: Rivalry;

  /** @param owners the kind of what the objects belong to */
  constructor(client: Client, manager: string, owners: Resource, clock: Pick<Clock, 'monotonic'>) {
    this.#client = client;
    this.#manager = manager;
    this.#owners = owners;
    this.#rivalry = new Rivalry(clock);
  }

  /**
   * Creates, updates or leaves one object.
   * @throws ApiError when the API server refuses or cannot be reached
   */
  async apply(object: DeclaredObject, kind: AppliedKind, owner: Owner, signal?: AbortSignal): Promise<ApplyResult> {
    const declared = stamped(object);
    const watched = kind.store.get(keyOf(declared));
    // One that the watch does not show is perhaps not there, or new, or has lost our label, or is someone else's.
    const observed = watched
      ? this.#written.newest(watched)
      : await this.#client.get(kind.resource, placeOf(declared), signal);
    const plan = planApply(declared, observed, owner);
    if (plan.action === 'create') return this.#create(declared, kind.resource, signal);
    if (plan.action === 'leave') return { action: 'left', why: plan.why };
    if (plan.action === 'wait') return { action: 'waiting', why: plan.why };
    if (isNamesakes(observed!, owner) && !(await this.#isPresent(owner, declared.metadata.namespace, signal)))
      return { action: 'waiting', why: `belongs to another ${owner.kind} with the same name` };
    if (plan.action === 'replace') return this.#replace(observed!, plan.field, kind.resource, signal);
    const name = `${declared.kind} ${keyOf(declared)}`;
    if (plan.action === 'none' || this.#isAccepted(plan, declared, observed!))
      return { action: 'unchanged', object: observed!, ...contested(this.#rivalry.unsettled(name, hashOf(declared))) };
    const contest = this.#rivalry.held(name, hashOf(declared), plan.drift);
    if (contest) return { action: 'yielded', object: observed!, contest };
    return this.#mend(name, declared, observed!, plan.drift, kind.resource, signal);
  }

  /** Deletes an object that is ours and that should not be. @returns whether there was one */
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

  /** Drops what is remembered about an object that is gone. */
  forget(uid: string): void {
    this.#accepted.delete(uid);
    this.#written.forget(uid);
  }

  /** The API server's history began anew: what was written may not have been, as far as it knows. */
  forgetWrites(): void {
    this.#written.clear();
  }

  /** Whether this is still the owner of its name, whatever the watch says: another one's objects are not to be taken from it. */
  async #isPresent({ name, uid }: Owner, namespace: string, signal?: AbortSignal): Promise<boolean> {
    const owner = await this.#client.get(this.#owners, { namespace, name }, signal);
    return owner?.metadata.uid === uid && owner.metadata.deletionTimestamp === undefined;
  }

  async #create(declared: DeclaredObject, resource: Resource, signal?: AbortSignal): Promise<ApplyResult> {
    const object = await this.#client.create(resource, declared.metadata.namespace, declared, signal);
    this.#accept(declared, object);
    return { action: 'created', object };
  }

  async #mend(
    name: string,
    declared: DeclaredObject,
    observed: KubeObject,
    drift: string[],
    resource: Resource,
    signal?: AbortSignal,
  ): Promise<ApplyResult> {
    const managers = otherManagers(observed.metadata.managedFields ?? [], drift, this.#manager);
    const mended = () => this.#rivalry.mended(name, hashOf(declared), drift, managers);
    try {
      const object = await this.#update(declared, observed, drift, resource, signal);
      mended();
      return { action: 'updated', object, drift, ...contested(this.#rivalry.unsettled(name, hashOf(declared))) };
    } catch (error) {
      if (!isApiError(error) || !isImmutableRefusal(error)) throw error;
      const replacing = await this.#replace(observed, drift.join(', '), resource, signal);
      mended();
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
    // The uid: should it have been deleted meanwhile, nothing is created and nobody else's is touched.
    const metadata = { ...declared.metadata, uid };
    const apply = () => this.#client.apply(resource, placeOf(declared), { ...declared, metadata }, signal);
    const object = await apply().catch(async (error) => {
      const lists = isApiError(error, 'Invalid') ? driftedLists(declared, drift) : undefined;
      if (!lists) throw error;
      // Someone's item stands where ours was, such as a port under another number but our name: side by side they are
      // invalid. What we declare of a list is then all that there is.
      const patch = { ...lists, metadata: { ...lists.metadata, uid } };
      await this.#client.mergePatch(resource, placeOf(declared), patch, signal);
      return apply();
    });
    this.#written.note(object);
    this.#accept(declared, object);
    return object;
  }

  /**
   * Makes room for a new one, which is created when the watch shows that this one is gone. The pods of a DaemonSet go with it
   * in the background: the new one's start meanwhile, and the overlap is shorter than the hole would be.
   */
  async #replace(observed: KubeObject, field: string, resource: Resource, signal?: AbortSignal): Promise<ApplyResult> {
    return { action: 'replacing', field, deleted: await this.#delete(observed, resource, signal) };
  }

  /** Deletes this very object. @returns false where it was gone already */
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
    const drift = driftOf(declared, applied);
    if (drift.length === 0) this.#accepted.delete(applied.metadata.uid);
    else this.#accepted.set(applied.metadata.uid, fingerprint(drift, declared, applied));
  }

  #isAccepted(plan: ApplyPlan & { action: 'update' }, declared: DeclaredObject, observed: KubeObject): boolean {
    return this.#accepted.get(observed.metadata.uid) === fingerprint(plan.drift, declared, observed);
  }
}

function hashOf({ metadata }: DeclaredObject): string {
  return metadata.annotations?.[appliedAnnotation] ?? '';
}

function contested(contest: Contest | undefined): { contest?: Contest } {
  return contest ? { contest } : {};
}

/** The declared lists in which something differs, inside what they stand in; undefined where nothing in a list does. */
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

/** What an accepted difference is recognised by: where it is, what is declared, and what the object holds there. */
function fingerprint(drift: string[], declared: DeclaredObject, observed: KubeObject): string {
  const top = [...new Set(drift.map((path) => path.split('.')[0]!))];
  return JSON.stringify([drift, declared.metadata.annotations, top.map((field) => observed[field])]);
}

function placeOf({ metadata }: { metadata: { name: string; namespace?: string } }): Place {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
