import { type ApiUse, apiUses } from '../../src/contract/api-uses.ts';
import { reportingController } from '../../src/contract/operator-names.ts';
import { suspectEventReasons } from '../../src/contract/reasons.ts';
import { literal, type Rule, type Variable } from './rule.ts';

/** Read by the rules about the operator's own objects. The manifests may be installed in another namespace. */
export const ownVariables: readonly Variable[] = [
  { name: 'ownNamespace', expression: 'request.userInfo.username.split(":")[2]' },
  { name: 'target', expression: 'request.operation == "DELETE" ? variables.former : variables.written' },
];

/** The rules for the one object of a kind that the operator has in its own namespace. */
function onlyRule({ kind, name }: Pick<ApiUse, 'kind'> & { name: string }): Rule {
  return {
    expression:
      'variables.target.metadata.namespace == variables.ownNamespace && ' +
      `variables.target.metadata.name == ${literal(name)}`,
    message: `the operator writes no ${kind} but ${name} in its own namespace`,
  };
}

const { group, kind } = apiUses.netExporters;

/** Events about NetExporters and about Nodes that are suspects, reported in no other component's name. */
const eventRule: Rule = {
  expression: ['variables.written', 'variables.former']
    .map(
      (event) =>
        `(${event} == null || ${event}.?reportingController.orValue("") == ${literal(reportingController)} && ` +
        `(${event}.?regarding.?kind.orValue("") == ${literal(kind)} && ` +
        `${event}.?regarding.?apiVersion.orValue("").startsWith(${literal(`${group}/`)}) || ` +
        `${event}.?regarding.?kind.orValue("") == ${literal(apiUses.nodes.kind)} && ` +
        `${event}.?reason.orValue("") in ${JSON.stringify(suspectEventReasons)}))`,
    )
    .join(' && '),
  message: `the operator reports Events about a ${kind} only, and Suspect Events about a Node`,
};

/** A Secret of another type may be given a token of a ServiceAccount by the cluster's controllers. */
const secretType: Rule = {
  expression: 'variables.written == null || variables.written.?type.orValue("Opaque") == "Opaque"',
  message: 'the Secret of the operator is of the type Opaque',
};

/** The rules about everything else that the operator writes by its use in `apiUses`. */
export const ownRules = {
  leaderEndpointSlice: [onlyRule(apiUses.leaderEndpointSlice)],
  syncSecret: [onlyRule(apiUses.syncSecret), secretType],
  leases: [onlyRule(apiUses.leases)],
  events: [eventRule],
};
