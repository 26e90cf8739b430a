import { apiUses } from '../../src/contract/api-uses.ts';
import { runOf } from './demo-objects.ts';
import type { KubeObject } from './object-access.ts';

/** What Kubernetes and its distributions put into every namespace, by kind and name. */
const ofEveryNamespace = new Set([
  'ServiceAccount/default',
  'ConfigMap/kube-root-ca.crt',
  'ConfigMap/openshift-service-ca.crt',
]);

/** What the operator creates in its own namespace. */
const ofTheOperator = new Set(
  Object.values(apiUses).flatMap((use) => ('name' in use ? [`${use.kind}/${use.name}`] : [])),
);

/** Admission controllers and distributions populate a namespace within this time. Milliseconds. */
const populationMs = 10_000;

/**
 * The objects in a namespace that neither the demo, nor a controller, nor the cluster itself created: those that a user
 * would lose with the namespace.
 */
export function foreignObjects(namespace: KubeObject, content: readonly KubeObject[]): KubeObject[] {
  const populated = Date.parse(namespace.metadata.creationTimestamp ?? '') + populationMs;
  return content.filter((object) => {
    const { metadata, kind } = object;
    if (runOf(object) !== undefined || (metadata.ownerReferences ?? []).length > 0) return false;
    const identity = `${kind}/${metadata.name}`;
    if (ofEveryNamespace.has(identity) || ofTheOperator.has(identity)) return false;
    return !(Date.parse(metadata.creationTimestamp ?? '') <= populated);
  });
}
