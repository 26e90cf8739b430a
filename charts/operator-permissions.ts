import { type ApiUse, apiUses } from './api-uses.ts';

/** One rule of a ClusterRole or Role. */
export interface PermissionRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Everything the operator asks of the API server in any namespace, and nothing more. The ClusterRole is made from this. */
export const operatorPermissions: PermissionRule[] = permissionsFor(
  Object.values<ApiUse>(apiUses).filter(({ namespace }) => namespace === undefined),
);

/** The rules that allow these uses and nothing else; those of one group with equal verbs stand together. */
export function permissionsFor(uses: readonly ApiUse[]): PermissionRule[] {
  const rules: PermissionRule[] = [];
  const allow = (group: string, resource: string, verbs: readonly string[]): void => {
    const like = rules.find(({ apiGroups, verbs: others }) => apiGroups[0] === group && sameVerbs(others, verbs));
    if (like) like.resources.push(resource);
    else rules.push({ apiGroups: [group], resources: [resource], verbs: [...verbs] });
  };
  for (const { group, plural, verbs, subresources = {} } of uses) {
    allow(group, plural, verbs);
    for (const [name, more] of Object.entries(subresources)) allow(group, `${plural}/${name}`, more);
  }
  return rules;
}

function sameVerbs(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((verb, index) => verb === b[index]);
}
