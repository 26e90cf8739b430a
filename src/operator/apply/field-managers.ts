import type { ManagedFields } from '../kube/kube-object.ts';

/**
 * The names of other field managers of these fields, such as `kubectl-edit` or `argocd-controller`. If the fields were
 * removed, so that they have no manager, the manager that wrote to the object last.
 * @param paths as drift has them
 */
export function otherManagers(managedFields: ManagedFields[], paths: string[], ours: string): string[] {
  const others = managedFields.filter(({ manager, subresource }) => manager && manager !== ours && !subresource);
  const wanted = paths.map((path) => path.replaceAll(/\[[^\]]*\]/g, ''));
  const owning = others.filter(({ fieldsV1 = {} }) =>
    fieldPaths(fieldsV1).some((path) => wanted.some((other) => within(path, other) || within(other, path))),
  );
  const [last] = others.sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''));
  const found = owning.length > 0 ? owning : last ? [last] : [];
  return [...new Set(found.map(({ manager }) => manager!))].sort();
}

/** The leaves of FieldsV1 as `spec.ports.port`, without saying of which item of a list. */
function fieldPaths(fields: Record<string, unknown>, path: string[] = []): string[] {
  return Object.entries(fields).flatMap(([key, inside]) => {
    if (key === '.') return [];
    const here = key.startsWith('f:') ? [...path, key.slice(2)] : path;
    const deeper = fieldPaths(inside as Record<string, unknown>, here);
    return deeper.length > 0 ? deeper : [here.join('.')];
  });
}

function within(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}.`);
}
