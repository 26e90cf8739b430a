import { boundedText } from '../../base/bounded-text.ts';
import { pausedAnnotation } from '../../contract/agent-names.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { maxSuspects } from '../../crd/status.ts';
import { withDefaults } from '../../crd/with-defaults.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import { memorySize } from './memory-size.ts';

/**
 * What the spec of one NetExporter may take of memory, in bytes. The CRD passes `affinity`, tolerations and names of
 * resources through as they are, up to 1.5 MiB. An affinity to 2,500 nodes by their names is smaller.
 */
export const maxSpecBytes = 128 * 1024;

/**
 * The same of one condition, one suspect or another field of the status: what the operator writes takes less than half
 * of it.
 */
const maxStatusPartBytes = 4 * 1024;

/** Number of finalizers that are kept, those of the garbage collector included. */
const maxFinalizers = 10;

/** What is kept of the annotation that pauses, in characters: enough to quote what was meant. */
const maxPausedLength = 20;

const leftOut = Symbol('leftOut');

/** A field that was left out of a spec because the spec was too large. */
export interface LeftOutField {
  /** Such as `spec.agent.affinity`. */
  path: string;
  /** Memory that the field takes, in bytes. */
  bytes: number;
}

/** The fields that were left out of a spec, which has their defaults instead: it must not be applied. */
export function leftOutOf(resource: NetExporter): readonly LeftOutField[] {
  return (resource as { [leftOut]?: LeftOutField[] })[leftOut] ?? [];
}

/**
 * Keeps what is used of a NetExporter, with defaults. Anything else in it is at the discretion of its author, and so is
 * its size: of a spec that is too large, the largest fields are left out (`leftOutOf`).
 */
export function keptNetExporterOf({ apiVersion, kind, metadata, spec, status }: KubeObject): NetExporter {
  const bounded = boundedSpec((spec ?? {}) as Fields);
  const kept = {
    ...{ apiVersion, kind, metadata: usedMetadata(metadata), spec: bounded.spec },
    ...(status !== undefined && { status: boundedStatus(status as Fields) }),
    ...(bounded.leftOut.length > 0 && { [leftOut]: bounded.leftOut }),
  };
  return withDefaults(kept as unknown as NetExporter);
}

type Fields = Record<string, unknown>;

function usedMetadata({ finalizers, annotations, ...metadata }: ObjectMeta & { creationTimestamp?: string }) {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = metadata;
  const paused = annotations?.[pausedAnnotation];
  return {
    ...{ name, namespace, uid, resourceVersion, generation, creationTimestamp },
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    // They say what a deletion waits for.
    ...(deletionTimestamp !== undefined && finalizers && { finalizers: finalizers.slice(0, maxFinalizers) }),
    ...(paused !== undefined && { annotations: { [pausedAnnotation]: boundedText(paused, maxPausedLength) } }),
  };
}

/** Leaves out the largest fields of the spec's sections until it is small enough. */
function boundedSpec(spec: Fields): { spec: Fields; leftOut: LeftOutField[] } {
  let total = memorySize(spec);
  if (total <= maxSpecBytes) return { spec, leftOut: [] };
  const sections = Object.entries(spec).map(([name, section]): [string, Fields] => [name, { ...(section as Fields) }]);
  const fields = sections.flatMap(([name, section]) =>
    Object.entries(section).map(([field, value]) => ({ name, section, field, bytes: memorySize(value) })),
  );
  const left: LeftOutField[] = [];
  for (const { name, section, field, bytes } of fields.sort((a, b) => b.bytes - a.bytes)) {
    if (total <= maxSpecBytes) break;
    delete section[field];
    total -= bytes;
    left.push({ path: `spec.${name}.${field}`, bytes });
  }
  return { spec: Object.fromEntries(sections), leftOut: left };
}

/** Without what the operator cannot have written, so that it writes its own again. */
function boundedStatus(status: Fields): Fields {
  const isSmall = (part: unknown) => memorySize(part, maxStatusPartBytes) <= maxStatusPartBytes;
  const { conditions, suspects, ...others } = status;
  return {
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => isSmall(value))),
    ...(Array.isArray(conditions) && { conditions: conditions.filter(isSmall) }),
    ...(Array.isArray(suspects) && { suspects: suspects.filter(isSmall).slice(0, maxSuspects) }),
  };
}
