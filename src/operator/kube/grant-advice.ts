import { operatorName } from '../../contract/operator-names.ts';

/**
 * What to grant so that a request is allowed, taken from the message of the API server's authorizer. Undefined if
 * something else forbids the request, such as a quota or an admission policy, because no role changes that.
 */
export function grantAdvice(message: string): string | undefined {
  const [, verb, resource, group] = /cannot (\w+) resource "([^"]+)" in API group "([^"]*)"/.exec(message) ?? [];
  if (verb === undefined) return undefined;
  return `grant the verb ${verb} on ${resource} (API group "${group}") in the ClusterRole ${operatorName}, or apply manifests/install.yaml again`;
}
