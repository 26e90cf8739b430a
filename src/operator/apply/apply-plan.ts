import { createHash } from 'node:crypto';
import { appliedAnnotation } from '../../contract/agent-names.ts';
import { controllerOf, type KubeObject } from '../kube/kube-object.ts';
import type { DeclaredObject, Owner } from './declared-object.ts';
import { driftOf } from './drift.ts';
import { immutableDifference } from './immutable-fields.ts';

/** What to do about one object. */
export type ApplyPlan =
  | { action: 'create' }
  | { action: 'update'; drift: string[] }
  | { action: 'none' }
  /** A field that nobody can change differs: it has to be created anew. */
  | { action: 'replace'; field: string }
  /** It is being deleted. */
  | { action: 'wait'; why: string }
  /** It belongs to someone else. */
  | { action: 'leave'; why: string };

/** Decides what to do so that `observed`, the object of that name as it is (undefined: none), becomes what is declared. */
export function planApply(declared: DeclaredObject, observed: KubeObject | undefined, owner: Owner): ApplyPlan {
  if (observed === undefined) return { action: 'create' };
  const { deletionTimestamp } = observed.metadata;
  const controller = controllerOf(observed);
  if (controller?.uid !== owner.uid && !isNamesakes(observed, owner)) {
    const whose = controller ? `is controlled by ${controller.kind} ${controller.name}` : 'is controlled by nobody';
    return { action: 'leave', why: `one exists that ${whose}` };
  }
  if (deletionTimestamp !== undefined) return { action: 'wait', why: 'it is being deleted' };
  const field = immutableDifference(declared, observed);
  if (field !== undefined) return { action: 'replace', field };
  const drift = driftOf(declared, observed);
  return drift.length === 0 ? { action: 'none' } : { action: 'update', drift };
}

/**
 * Whether an object belongs to another owner of the same name. Where ours is the present one, that is a deleted one, and what is left of it
 * is ours to take over: the garbage collector does not always. An owner that is deleted and made anew between a watch and the
 * list that follows it is one that was updated, to an informer of Kubernetes', so that the deletion is never seen.
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
 * The object with an annotation that identifies its declaration: what is declared no longer shows in no comparison of what
 * is declared now, but makes this differ.
 */
export function stamped(declared: DeclaredObject): DeclaredObject {
  const hash = createHash('sha256').update(JSON.stringify(declared)).digest('hex').slice(0, 16);
  const { metadata } = declared;
  return {
    ...declared,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [appliedAnnotation]: hash } },
  };
}
