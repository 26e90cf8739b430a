import { type ApiUse, apiUses, type Verb } from '../../contract/api-uses.ts';
import { operatorName, operatorNamespace } from '../../contract/operator-names.ts';

const forbidden =
  /cannot (?<verb>\w+) resource "(?<resource>[^"/]+)(?:\/(?<subresource>[^"]+))?" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/;

/**
 * What to grant so that a request is allowed, taken from the message of the API server's authorizer. Undefined if
 * something else forbids the request, such as a quota or an admission policy, because no role changes that.
 */
export function grantAdvice(message: string): string | undefined {
  const request = forbidden.exec(message)?.groups;
  if (!request) return undefined;
  const { verb, resource, subresource, group } = request;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `grant the verb ${verb} on ${what} (API group "${group}") in the ${roleFor(request)}, or apply manifests/install.yaml again`;
}

/** As the roles in `charts/install` are made: what the operator does only in its own namespace is in a Role. */
function roleFor({ verb, resource, subresource, group, namespace }: Record<string, string | undefined>): string {
  const grants = Object.values<ApiUse>(apiUses).filter((use) => {
    const verbs = subresource === undefined ? use.verbs : (use.subresources?.[subresource] ?? []);
    return use.plural === resource && use.group === group && verbs.includes(verb as Verb);
  });
  const isOwn = grants.length > 0 && grants.every((use) => use.namespace !== undefined);
  if (!isOwn) return `ClusterRole ${operatorName}`;
  return `Role ${operatorName} in the namespace ${namespace ?? operatorNamespace}`;
}
