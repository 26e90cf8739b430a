import { agentNames, instanceLabel, managedByLabel } from '../../contract/agent-names.ts';
import { group, kind } from '../../crd/net-exporter.ts';
import { controllerOf, type KubeObject, type OwnerReference } from '../kube/kube-object.ts';

/** The labels that the operator uses. */
const usedLabels = [managedByLabel, instanceLabel];

/**
 * Shrinks an object with the operator's label. It stays whole if it has the name of an object of the NetExporter that
 * controls it: field managers and every declared field matter. Anyone can put the label on any other object, so of
 * those only the identity is kept: who controls it, and which NetExporter it concerns.
 */
export function childObjectOf(object: KubeObject): KubeObject {
  const controller = controllerOf(object);
  if (controller && isNetExporter(controller) && hasChildName(object, controller)) return object;
  const { apiVersion, metadata } = object;
  const { name, namespace, uid, resourceVersion, deletionTimestamp, labels } = metadata;
  const kept = Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => usedLabels.includes(label)));
  return {
    apiVersion,
    kind: object.kind,
    metadata: {
      ...{ name, uid, resourceVersion, labels: kept },
      ...(namespace !== undefined && { namespace }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(controller && { ownerReferences: [controller] }),
    },
  };
}

function isNetExporter(controller: OwnerReference): boolean {
  return controller.kind === kind && String(controller.apiVersion).startsWith(`${group}/`);
}

function hasChildName({ metadata }: KubeObject, { name }: OwnerReference): boolean {
  return Object.values(agentNames(name)).includes(metadata.name);
}
