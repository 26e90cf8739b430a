import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { type ApiUse, apiUses, type Verb } from '../../src/contract/api-uses.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import { agentPodRules, podVariables } from './agent-pod-rules.ts';
import { childrenRules, childVariables } from './children-rules.ts';
import { ownRules, ownVariables } from './own-rules.ts';
import { prometheusRuleVariables } from './prometheus-rule-rules.ts';
import { literal, type Rule } from './rule.ts';

/** What admission calls the verbs that write. Server-side apply is CREATE where there is no object yet. */
const operations = { create: 'CREATE', patch: 'UPDATE', update: 'UPDATE', delete: 'DELETE' } as const;
type WriteVerb = keyof typeof operations;

type Uses = typeof apiUses;
/** The uses that write objects. */
type WrittenUse = {
  [Use in keyof Uses]: Extract<Uses[Use]['verbs'][number], WriteVerb> extends never ? never : Use;
}[keyof Uses];

/** Every use that writes has rules: one that is added to `apiUses` does not compile without. */
const rulesByUse: Readonly<Record<WrittenUse, readonly Rule[]>> = {
  ...childrenRules,
  ...ownRules,
  daemonSets: [...childrenRules.daemonSets, ...agentPodRules],
};

/**
 * Keeps whoever has the operator's token to what the operator does with it (ValidatingAdmissionPolicy, KEP-3488). RBAC
 * cannot restrict contents, and not names when objects are created. It is about the operator's ServiceAccount alone, in
 * whatever namespace it is.
 */
export function addOperatorPolicy(scope: Construct): void {
  const metadata = { name: operatorName };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  new ApiObject(scope, 'policy', {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: writtenUses().map(([, use]) => resourceRule(use)) },
      matchConditions: [
        {
          name: 'operator',
          expression:
            'request.userInfo.username.startsWith("system:serviceaccount:") && ' +
            `request.userInfo.username.endsWith(${literal(`:${operatorName}`)})`,
        },
      ],
      variables: [...childVariables, ...podVariables, ...prometheusRuleVariables, ...ownVariables],
      validations: validations(),
    },
  });
  new ApiObject(scope, 'policy-binding', {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata },
    spec: { policyName: operatorName, validationActions: ['Deny'] },
  });
}

function writtenUses(): [WrittenUse, ApiUse][] {
  return (Object.keys(rulesByUse) as WrittenUse[]).map((use) => [use, apiUses[use]]);
}

function resourceRule({ group, version, plural, verbs }: ApiUse) {
  const written = verbs.filter((verb): verb is Verb & WriteVerb => verb in operations);
  return {
    apiGroups: [group],
    apiVersions: [version],
    resources: [plural],
    operations: [...new Set(written.map((verb) => operations[verb]))],
  };
}

/** Rules that several kinds share stand once, with all of them. */
function validations(): { expression: string; message: string; reason: string }[] {
  const resourcesByRule = new Map<string, string[]>();
  for (const [use, { plural }] of writtenUses())
    for (const { expression, message } of rulesByUse[use]) {
      const key = JSON.stringify([expression, message]);
      resourcesByRule.set(key, [...(resourcesByRule.get(key) ?? []), plural]);
    }
  return [...resourcesByRule].map(([key, resources]) => {
    const [expression, message] = JSON.parse(key) as [string, string];
    return {
      expression: `!(request.resource.resource in ${literal(resources)}) || (${expression})`,
      message,
      // As RBAC would say it: the operator then neither retries at once nor takes the object for invalid.
      reason: 'Forbidden',
    };
  });
}
