import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { waitFor } from '../cluster/wait.ts';
import { processesOf } from './container-process.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  minorVersion,
  operatorNamespace,
  quick,
  readyNetExporter,
  removeNamespace,
  tellOnFailure,
  waitForSync,
} from './environment.ts';
import { operatorsOf } from './operators.ts';

/**
 * As the default SecurityContextConstraints of OpenShift do (`restricted-v2`): a pod must not choose a user outside the
 * range of its namespace, and one that chooses none gets the first.
 */
const range = { first: 1_000_660_000, last: 1_000_669_999 };
const label = 'example.com/assigns-users';
const policies = ['assigned-users', 'users-in-range'];
const namespace = 'e2e-assigned-user';
const context = 'object.spec.securityContext';
const message = `runAsUser must be from ${range.first} to ${range.last}`;
let env: Environment;
/** Why this cannot be tried on the cluster. */
let unsupported: string | undefined;

before(async () => {
  env = await environment();
  if ((await minorVersion(env.kubectl)) < 36) unsupported = 'Kubernetes has MutatingAdmissionPolicies since 1.36';
  if (unsupported) return;
  await apply(env.kubectl, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { [label]: '' } },
  });
  const [assigned, inRange] = policies as [string, string];
  await admissionPolicy('Mutating', assigned, {
    matchConditions: [{ name: 'chooses-no-user', expression: `!has(${context}.runAsUser)` }],
    reinvocationPolicy: 'Never',
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression: `Object{spec: Object.spec{securityContext: Object.spec.securityContext{${['runAsUser', 'fsGroup']
            .map((field) => `${field}: ${range.first}`)
            .join(', ')}}}}`,
        },
      },
    ],
  });
  await admissionPolicy('Validating', inRange, {
    validations: [
      { expression: inRangeIfSet(context), message },
      {
        expression: `object.spec.containers.all(c, !has(c.securityContext) || ${inRangeIfSet('c.securityContext')})`,
        message,
      },
    ],
  });
});

after(async () => {
  if (unsupported) return;
  await env.kubectl(['label', 'namespace', operatorNamespace, `${label}-`]);
  for (const kind of ['mutating', 'validating'])
    for (const suffix of ['admissionpolicybinding', 'admissionpolicy'])
      await env.kubectl(['delete', `${kind}${suffix}`, ...policies, '--ignore-not-found']);
  await restartOperators();
  await removeNamespace(env.kubectl, namespace);
});

function inRangeIfSet(context: string): string {
  return `(!has(${context}.runAsUser) || ${context}.runAsUser >= ${range.first} && ${context}.runAsUser <= ${range.last})`;
}

/** An admission policy for the pods of namespaces with the label, and its binding. */
async function admissionPolicy(prefix: 'Mutating' | 'Validating', name: string, spec: object): Promise<void> {
  const kind = `${prefix}AdmissionPolicy`;
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const matchConstraints = {
    resourceRules: [rule],
    namespaceSelector: { matchExpressions: [{ key: label, operator: 'Exists' }] },
  };
  const metadata = { name };
  await apply(env.kubectl, { apiVersion, kind, metadata, spec: { matchConstraints, failurePolicy: 'Fail', ...spec } });
  await apply(env.kubectl, {
    ...{ apiVersion, kind: `${kind}Binding`, metadata },
    spec: { policyName: name, ...(prefix === 'Validating' && { validationActions: ['Deny'] }) },
  });
}

async function restartOperators(): Promise<void> {
  const deployment = ['-n', operatorNamespace, 'deployment/net-exporter-operator'];
  await env.kubectl(['rollout', 'restart', ...deployment]);
  await env.kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
}

/** Of a pod's process: its user and group, and the directory that it sees as its root. */
async function processOf(namespace: string, pod: string, container: string) {
  const [pid] = await processesOf(env.cluster, namespace, pod, container);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [user, group] = ['Uid', 'Gid'].map((id) => Number(new RegExp(`^${id}:\\s+(\\d+)`, 'm').exec(status)![1]));
  return { user, group, root: `/proc/${pid}/root` };
}

/** Policies take a moment until the API server applies them. */
async function policiesApply(): Promise<void> {
  const pod = (runAsUser?: number) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'tried' },
    spec: { securityContext: { ...(runAsUser && { runAsUser }) }, containers: [{ name: 'a', image: 'a' }] },
  });
  const dryRun = async (runAsUser?: number) =>
    JSON.parse(
      await env.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
        input: JSON.stringify(pod(runAsUser)),
      }),
    ).spec.securityContext.runAsUser as number | undefined;
  await waitFor('an assigned user', async () => (await dryRun()) === range.first, { timeout: deadline });
  const isRefused = async () => {
    const [outcome] = await Promise.allSettled([dryRun(65_532)]);
    return outcome!.status === 'rejected' && /runAsUser must be from/.test(String(outcome!.reason));
  };
  await waitFor('a refused user', isRefused, { timeout: deadline });
}

test('agents and operators run as the user that OpenShift assigns to a namespace, read their token and save their state', async (t) => {
  if (unsupported) return t.skip(unsupported);
  tellOnFailure(t, env, namespace);
  await policiesApply();
  await env.kubectl(['label', 'namespace', operatorNamespace, `${label}=`, '--overwrite']);
  await restartOperators();
  const agents = await readyNetExporter(env, namespace, 'assigned', { dns: quick, network: quick });
  // Without a token, no agent would report.
  await waitForSync(env.kubectl, namespace, 'assigned', agents.length);
  for (const { pod } of agents) {
    const { user, group, root } = await processOf(namespace, pod, 'agent');
    assert.deepEqual([user, group], [range.first, 0], pod);
    const saved = async () => (await readdir(root + agentContract.stateDirectory)).includes('assignment.json');
    await waitFor(`the saved state of ${pod}`, saved, { timeout: deadline });
  }
  for (const { name } of await operatorsOf(env)) {
    const { user, group } = await processOf(operatorNamespace, name, 'operator');
    assert.deepEqual([user, group], [range.first, 0], name);
  }
});
