import { operatorName } from '../../contract/operator-names.ts';

/**
 * What to grant so that a request is allowed, from the words in which the API server's authorizer refuses one. Undefined where
 * something else forbids it, such as a quota or an admission policy: no role helps against those.
 */
export function grantAdvice(message: string): string | undefined {
  const [, verb, resource, group] = /cannot (\w+) resource "([^"]+)" in API group "([^"]*)"/.exec(message) ?? [];
  if (verb === undefined) return undefined;
  return `grant the verb ${verb} on ${resource} (API group "${group}") in the ClusterRole ${operatorName}: apply manifests/install.yaml again`;
}
