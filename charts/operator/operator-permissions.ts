import { type ApiUse, apiPaths, apiUses } from '../../src/contract/api-uses.ts';
import { operatorNamespace } from '../../src/contract/operator-names.ts';

/** One rule of a ClusterRole or Role. */
export interface PermissionRule {
  apiGroups: string[];
  resources: string[];
  /** Only objects of these names; any where this is left out. */
  resourceNames?: string[];
  verbs: string[];
}

/** A rule of a ClusterRole about what is no object. */
export interface PathRule {
  nonResourceURLs: string[];
  verbs: string[];
}

/** Everything the operator asks of the API server about objects in any namespace, and nothing more. */
export const operatorPermissions: PermissionRule[] = permissionsFor(
  Object.values<ApiUse>(apiUses).filter(({ namespace }) => namespace === undefined),
);

/** Everything else that the operator reads of the API server. The ClusterRole is made from both. */
export const operatorPaths: PathRule = { nonResourceURLs: Object.values(apiPaths), verbs: ['get'] };

/**
 * Everything the operator asks of the API server in its own namespace, and nothing more. The Role is made from this.
 */
export const operatorOwnPermissions: PermissionRule[] = permissionsFor(
  Object.values<ApiUse>(apiUses).filter(({ namespace }) => namespace === operatorNamespace),
);

/** The rules that allow these uses and nothing else; those of one group with equal verbs stand together. */
export function permissionsFor(uses: readonly ApiUse[]): PermissionRule[] {
  const rules: PermissionRule[] = [];
  const allow = (group: string, resource: string, verbs: readonly string[], name?: string): void => {
    const like = rules.find(
      ({ apiGroups, resourceNames, verbs: others }) =>
        apiGroups[0] === group && resourceNames?.[0] === name && sameVerbs(others, verbs),
    );
    if (like) like.resources.push(resource);
    else
      rules.push({
        apiGroups: [group],
        resources: [resource],
        ...(name !== undefined && { resourceNames: [name] }),
        verbs: [...verbs],
      });
  };
  for (const { group, plural, verbs, subresources = {}, name } of uses) {
    if (name === undefined) allow(group, plural, verbs);
    else {
      // A name is not known yet when an object is created (RBAC's reference on resourceNames).
      const named = verbs.filter((verb) => verb !== 'create');
      allow(group, plural, named, name);
      if (named.length < verbs.length) allow(group, plural, ['create']);
    }
    for (const [name, more] of Object.entries(subresources)) allow(group, `${plural}/${name}`, more);
  }
  return rules;
}

function sameVerbs(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((verb, index) => verb === b[index]);
}
