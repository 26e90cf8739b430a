import { createHash } from 'node:crypto';
import { appliedAnnotation } from '../../contract/agent-names.ts';
import { controllerOf, type KubeObject } from '../kube/kube-object.ts';
import { adoptionObstacle } from './adoption.ts';
import type { DeclaredObject, Owner } from './declared-object.ts';
import { driftOf } from './drift.ts';
import { immutableDifference } from './immutable-fields.ts';

/** What to do about one object. `why` continues a sentence whose subject is the object. */
export type ApplyPlan =
  | { action: 'create' }
  | { action: 'update'; drift: string[] }
  | { action: 'none' }
  /** It is ours but has no controller, as after `kubectl delete --cascade=orphan`: it gets the owner reference. */
  | { action: 'adopt' }
  /** An immutable field differs, so the object must be recreated. */
  | { action: 'replace'; field: string }
  /** It is being deleted. */
  | { action: 'wait'; why: string }
  /** It belongs to someone else. */
  | { action: 'leave'; why: string };

/**
 * Decides how to turn `observed`, the existing object of that name if there is one, into what is declared.
 * @param manager our field manager
 */
export function planApply(
  declared: DeclaredObject,
  observed: KubeObject | undefined,
  owner: Owner,
  manager: string,
): ApplyPlan {
  if (observed === undefined) return { action: 'create' };
  const { deletionTimestamp } = observed.metadata;
  const controller = controllerOf(observed);
  const isOurs = controller?.uid === owner.uid || isNamesakes(observed, owner);
  if (!isOurs) {
    const why = controller
      ? `is controlled by ${controller.kind} ${controller.name}`
      : adoptionObstacle(declared, observed, owner, manager);
    if (why !== undefined) return { action: 'leave', why };
  }
  if (deletionTimestamp !== undefined) return { action: 'wait', why: 'is being deleted' };
  if (!isOurs) return { action: 'adopt' };
  const field = immutableDifference(declared, observed);
  if (field !== undefined) return { action: 'replace', field };
  const drift = driftOf(declared, observed);
  return drift.length === 0 ? { action: 'none' } : { action: 'update', drift };
}

/**
 * Whether an object belongs to a previous owner of the same name. If `owner` exists, the previous one was deleted, and
 * its objects are taken over, because the garbage collector may miss them: if an owner is deleted and recreated between
 * the end of a watch and the next list, Kubernetes' informers see an update and never the deletion.
 */
export function isNamesakes(observed: KubeObject, owner: Owner): boolean {
  const controller = controllerOf(observed);
  if (!controller) return false;
  return (
    controller.apiVersion.startsWith(`${owner.group}/`) &&
    controller.kind === owner.kind &&
    controller.name === owner.name &&
    controller.uid !== owner.uid
  );
}

/**
 * Adds a hash of the declaration as an annotation. A field that is no longer declared cannot be detected by comparing
 * the fields that are still declared, but it changes the hash.
 */
export function stamped(declared: DeclaredObject): DeclaredObject {
  const hash = createHash('sha256').update(JSON.stringify(declared)).digest('hex').slice(0, 16);
  const { metadata } = declared;
  return {
    ...declared,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [appliedAnnotation]: hash } },
  };
}
