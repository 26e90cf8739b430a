import { type ApiObject, type ClusterApi, ClusterApiError } from '../../test/faults/cluster-api.ts';

/** How a client edits: a merge patch as `kubectl patch`, an apply as GitOps tools, a replacement as `kubectl edit`. */
export const editKinds = ['merge', 'apply', 'replace'] as const;
export type EditKind = (typeof editKinds)[number];

const fieldManager = 'soak-applier';
/** How often a replacement is tried: the operator writes the status in between. */
const attempts = 8;

/** A merge patch of some fields of the spec, in which null removes one. */
export type SpecPatch = Readonly<Record<string, unknown>>;

/** Edits the spec of a NetExporter, or of whatever is at the path, as that kind of client does. */
export async function editSpec(api: ClusterApi, path: string, spec: SpecPatch, kind: EditKind): Promise<void> {
  if (kind === 'merge' || (kind === 'apply' && hasNull(spec))) await api.patch(path, 'merge', { spec });
  else if (kind === 'apply') {
    const { apiVersion, kind: what, metadata } = await api.get(path);
    const { namespace, name } = metadata;
    const query = `?fieldManager=${fieldManager}&force=true`;
    await api.patch(`${path}${query}`, 'apply', { apiVersion, kind: what, metadata: { namespace, name }, spec });
  } else await replaceSpec(api, path, spec);
}

async function replaceSpec(api: ClusterApi, path: string, patch: SpecPatch): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const object = await api.get<ApiObject & { spec: SpecPatch }>(path);
    try {
      await api.replace(path, { ...object, spec: merged(object.spec, patch) });
      return;
    } catch (error) {
      if (!(error instanceof ClusterApiError) || error.status !== 409 || attempt === attempts) throw error;
    }
  }
}

/** What a merge patch makes of a value (RFC 7386). */
export function merged(value: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(value) ? { ...value } : {};
  for (const [field, change] of Object.entries(patch))
    if (change === null) delete result[field];
    else result[field] = merged(result[field], change);
  return result;
}

/** An apply cannot remove what another client has set. */
export function hasNull(value: unknown): boolean {
  return value === null || (isRecord(value) && Object.values(value).some(hasNull));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
