import type { ManagedFields } from '../kube/kube-object.ts';

/**
 * The managed fields with what this manager created by POST counted as applied, or undefined where that is so already.
 * A POST makes the creator a manager by Update, and server-side apply removes a field that is no longer declared only
 * when no other entry has it: without this, what was declared at the creation could never be taken back. (The same as
 * client-go's `csaupgrade`.)
 */
export function asApplied(managedFields: ManagedFields[], manager: string): ManagedFields[] | undefined {
  const isOurs = (entry: ManagedFields) => entry.manager === manager && !entry.subresource;
  const updated = managedFields.filter((entry) => isOurs(entry) && entry.operation === 'Update');
  if (updated.length === 0) return undefined;
  const applied = managedFields.filter((entry) => isOurs(entry) && entry.operation === 'Apply');
  const others = managedFields.filter((entry) => !isOurs(entry));
  const [first] = [...applied, ...updated];
  const fieldsV1 = [...applied, ...updated].map((entry) => entry.fieldsV1 ?? {}).reduce(union);
  return [...others, { ...first, operation: 'Apply', fieldsV1 }];
}

/** FieldsV1 are a tree whose leaves are empty objects. */
function union(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const result = { ...a };
  for (const [field, inside] of Object.entries(b))
    result[field] = union((a[field] ?? {}) as Record<string, unknown>, inside as Record<string, unknown>);
  return result;
}
