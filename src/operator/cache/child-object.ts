import { boundedText } from '../../base/bounded-text.ts';
import { agentContract } from '../../contract/agent-contract.ts';
import { agentNames, instanceLabel, managedByLabel, scrapeAnnotation } from '../../contract/agent-names.ts';
import { group, kind } from '../../crd/net-exporter.ts';
import { controllerOf, type KubeObject, type OwnerReference } from '../kube/kube-object.ts';
import { currentTemplateOf, templateAnnotation } from '../kube/pod-template.ts';
import { memorySize } from './memory-size.ts';

/**
 * What one child may take of memory, in bytes. The largest of a NetExporter, its PrometheusRule, takes some 70 KiB; its
 * DaemonSet with usual settings some 30 KiB, and its ConfigMap with 64 names of the maximum length as much.
 */
const maxChildBytes = 128 * 1024;

/** Maximum length of a text whose length the API server does not limit, such as the name of an owner. */
const maxTextLength = 253;

/** How agents reach the operator is a kilobyte or two, with two certificates. */
const maxSyncAccessLength = 8 * 1024;

/** The labels that the operator uses. */
const usedLabels = [managedByLabel, instanceLabel];

const partial = Symbol('partial');

/** Whether only some of this object is kept: its fields say nothing about what the API server has. */
export function isPartial(object: KubeObject): boolean {
  return partial in object;
}

/**
 * Shrinks an object with the operator's label. It stays whole if it has the name of an object of the NetExporter that
 * controls it, since field managers and every declared field matter, and if it is small enough. Anyone can put the
 * label on any other object, so of those only the identity is kept: who controls it, and which NetExporter it concerns.
 * One without a controller is `isPartial`, because whether it is adopted depends on what it contains.
 * @param allow whether there is memory for a whole object of this many bytes
 */
export function childObjectOf(object: KubeObject, allow?: (bytes: number) => boolean): KubeObject {
  const controller = controllerOf(object);
  if (!controller) return { ...identityOf(object), [partial]: true } as KubeObject;
  const isChild = isNetExporter(controller) && hasChildName(object, controller);
  return isChild ? boundedChildOf(object, allow) : identityOf(object);
}

/**
 * The child of a NetExporter, whole or, where that takes too much memory, what is used of it without reading it again
 * (`isPartial`). Owners and names can be forged, so a child may contain anything.
 */
export function boundedChildOf(object: KubeObject, allow = (_bytes: number) => true): KubeObject {
  const bytes = memorySize(object, maxChildBytes);
  if (bytes <= maxChildBytes && allow(bytes)) return object;
  return { ...identityOf(object), ...usedContentOf(object), [partial]: true } as KubeObject;
}

function identityOf(object: KubeObject): KubeObject {
  const { apiVersion, metadata } = object;
  const { name, namespace, uid, resourceVersion, generation, deletionTimestamp, labels } = metadata;
  const kept = Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => usedLabels.includes(label)));
  const controller = controllerOf(object);
  return {
    apiVersion,
    kind: object.kind,
    metadata: {
      ...{ name, uid, resourceVersion, labels: kept },
      ...(namespace !== undefined && { namespace }),
      ...(generation !== undefined && { generation }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp, ...keptFinalizers(object) }),
      ...keptAnnotations(object),
      ...(controller && { ownerReferences: [boundedOwner(controller)] }),
    },
  };
}

/** That there is one for Prometheus, and the number of a DaemonSet's current pod template. */
function keptAnnotations({ kind, metadata }: KubeObject): { annotations?: Record<string, string> } {
  const template = kind === 'DaemonSet' ? currentTemplateOf({ metadata }) : undefined;
  const kept = {
    ...(metadata.annotations?.[scrapeAnnotation] !== undefined && { [scrapeAnnotation]: '' }),
    ...(template !== undefined && { [templateAnnotation]: `${template}` }),
  };
  return Object.keys(kept).length > 0 ? { annotations: kept } : {};
}

/** It says whether the pods of a DaemonSet are deleted with it. */
function keptFinalizers({ metadata: { finalizers } }: KubeObject): { finalizers?: string[] } {
  return finalizers?.includes('orphan') ? { finalizers: ['orphan'] } : {};
}

/** The API server limits no text in it. One that was cut is that of no object. */
function boundedOwner({ apiVersion, kind, name, uid }: OwnerReference): OwnerReference {
  const texts = Object.entries({ apiVersion, kind, name, uid }).map(([field, text]) => [
    field,
    text?.length > maxTextLength ? boundedText(text, maxTextLength) : text,
  ]);
  return { ...Object.fromEntries(texts), controller: true };
}

/** The addresses of a Service, the progress of a DaemonSet, and how agents reach the operator by their ConfigMap. */
function usedContentOf({ kind, spec, status, data }: KubeObject): Record<string, unknown> {
  if (kind === 'Service') {
    const { clusterIPs = [] } = (spec ?? {}) as { clusterIPs?: string[] };
    return { spec: { clusterIPs: clusterIPs.slice(0, 2) } };
  }
  if (kind === 'DaemonSet') {
    const counts = Object.entries((status ?? {}) as object).filter(([, count]) => typeof count === 'number');
    return { status: Object.fromEntries(counts) };
  }
  const { [agentContract.syncAccessKey]: text } = (data ?? {}) as Record<string, unknown>;
  const isUsed = typeof text === 'string' && text.length <= maxSyncAccessLength;
  return kind === 'ConfigMap' && isUsed ? { data: { [agentContract.syncAccessKey]: text } } : {};
}

function isNetExporter(controller: OwnerReference): boolean {
  return controller.kind === kind && String(controller.apiVersion).startsWith(`${group}/`);
}

function hasChildName({ metadata }: KubeObject, { name }: OwnerReference): boolean {
  return Object.values(agentNames(name)).includes(metadata.name);
}
