import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  operatorOwnPermissions,
  operatorPermissions,
  type PermissionRule,
} from '../../charts/operator/operator-permissions.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { scaleInstalled, tokenKubeconfig } from '../faults/fault-rig.ts';
import { OperatorProcess } from '../faults/operator-process.ts';
import { agentsOf } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-permissions';
const name = 'limited';
const spec = { agent: { nodeSelector: { 'net-exporter.dev/nowhere': '' } } };
/** Where no agent calls: what the operator reads in order to sync is read all the same. */
const advertised = '192.0.2.1';
const children = ['configmaps', 'daemonsets', 'networkpolicies', 'serviceaccounts', 'services'];

/**
 * Which verb is withdrawn, how the operator is made to need it, of which resources it then has to tell that it lacks
 * it, and whether it can still be ready: it can where its caches are full and only writes fail.
 */
const withdrawals: {
  verb: string;
  need: () => Promise<unknown>;
  missed: readonly string[];
  ready: boolean;
}[] = [
  {
    verb: 'delete',
    need: () => apply(env.kubectl, netExporter(namespace, name, { ...spec, monitoring: { networkPolicy: 'None' } })),
    missed: ['networkpolicies'],
    ready: true,
  },
  { verb: 'patch', need: () => damage(), missed: ['configmaps', 'netexporters/status'], ready: true },
  { verb: 'get', need: () => removeChildren(), missed: ['configmaps', 'serviceaccounts', 'services'], ready: true },
  {
    verb: 'create',
    need: () => removeChildren(),
    missed: ['configmaps', 'networkpolicies', 'serviceaccounts', 'services'],
    ready: true,
  },
  { verb: 'list', need: async () => {}, missed: ['netexporters', 'nodes', 'pods', ...children], ready: false },
  { verb: 'watch', need: async () => {}, missed: ['netexporters', 'nodes', 'pods', ...children], ready: false },
];

let env: Environment;
let api: ClusterApi;
let directory: string;
let replicas: number;

before(async () => {
  env = await environment();
  api = await ClusterApi.of(env.cluster.kubeconfig);
  directory = ownedDirectory('permissions');
  await restrictedNamespace(env.kubectl, namespace);
  await apply(env.kubectl, netExporter(namespace, name, spec));
  await waitFor(
    'the objects of the installed operator',
    async () =>
      (await env.kubectl(['get', 'daemonset,networkpolicy', '-n', namespace, '-o', 'name'])).split('\n').length >= 2,
    { timeout: deadline },
  );
  replicas = await scaleInstalled(env.cluster, 0);
});

after(async () => {
  for (const { verb } of withdrawals)
    await env.kubectl(['delete', 'clusterrole,clusterrolebinding', accountWithout(verb), '--ignore-not-found']);
  await scaleInstalled(env.cluster, replicas);
  await removeNamespace(env.kubectl, namespace);
  api.close();
  await rm(directory, { recursive: true, force: true });
});

const accountWithout = (verb: string) => `${namespace}-without-${verb}`;

/**
 * A ServiceAccount with the operator's permissions but for one verb; the Lease is its own namespace's. @returns its
 * kubeconfig
 */
async function withdraw(verb: string): Promise<string> {
  const account = accountWithout(verb);
  const metadata = { name: account, namespace };
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace }];
  const without = (rules: PermissionRule[]) =>
    rules
      .map((rule) => ({ ...rule, verbs: rule.verbs.filter((other) => other !== verb) }))
      .filter(({ verbs }) => verbs.length > 0);
  const group = 'rbac.authorization.k8s.io';
  const rbac = (kind: string, fields: object) => ({ apiVersion: `${group}/v1`, kind, ...fields });
  await apply(env.kubectl, {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      rbac('ClusterRole', { metadata: { name: account }, rules: without(operatorPermissions) }),
      rbac('ClusterRoleBinding', {
        metadata: { name: account },
        roleRef: { apiGroup: group, kind: 'ClusterRole', name: account },
        subjects,
      }),
      rbac('Role', { metadata, rules: operatorOwnPermissions }),
      rbac('RoleBinding', { metadata, roleRef: { apiGroup: group, kind: 'Role', name: account }, subjects }),
    ],
  });
  const token = (await env.kubectl(['create', 'token', account, '-n', namespace])).trim();
  const kubeconfig = join(directory, `${verb}.kubeconfig`);
  await writeFile(kubeconfig, tokenKubeconfig(api.origin, api.authority, token), { mode: 0o600 });
  return kubeconfig;
}

async function damage(): Promise<void> {
  const patch = JSON.stringify({ data: { 'settings.json': '{}' } });
  await env.kubectl(['patch', 'configmap', '-n', namespace, `${name}-agent`, '--type=merge', '-p', patch]);
}

/** Takes away what the operator made, so that it has to look for it and make it again. */
async function removeChildren(): Promise<void> {
  const selector = `app.kubernetes.io/instance=${name}`;
  await apply(env.kubectl, netExporter(namespace, name, { ...spec, monitoring: { networkPolicy: 'Ingress' } }));
  await env.kubectl(['delete', children.join(), '-n', namespace, '-l', selector, '--wait=true']);
}

for (const { verb, need, missed, ready } of withdrawals)
  test(`without the verb ${verb} the operator waits, and says on what to grant it, once`, async (t) => {
    tellOnFailure(t, env, namespace);
    const kubeconfig = await withdraw(verb);
    await need();
    const operator = new OperatorProcess({ name: `without-${verb}`, namespace, kubeconfig, advertised });
    t.after(() => {
      if (!t.passed) t.diagnostic(operator.log);
    });
    try {
      const advice = (resource: string) => `grant the verb ${verb} on ${resource} `;
      await waitFor(
        `the advice about ${missed.join(', ')}`,
        async () => {
          const absent = missed.filter((resource) => !operator.log.includes(advice(resource)));
          if (absent.length > 0) throw new Error(`nothing about ${absent.join(', ')}`);
          return true;
        },
        { timeout: deadline },
      );
      assert.ok(operator.isRunning, `it ended with ${operator.ending}`);
      assert.ok(operator.log.includes(`in the ClusterRole ${operatorName}`));
      const told = operator.log.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
      for (const resource of missed) {
        const times = told.filter((line) => line.includes(advice(resource))).length;
        assert.ok(times <= 5, `${resource} is told of ${times} times`);
      }
      const said = await waitFor('what /readyz says', async () => operator.readiness(), { timeout: deadline });
      if (ready) assert.match(said, /^ok/);
      else for (const resource of missed) assert.match(said, new RegExp(`cannot ${verb} ${resource}`));
    } finally {
      await operator.end('SIGTERM');
    }
  });

test('with all of them again, the installed operator makes up for everything', async (t) => {
  tellOnFailure(t, env, namespace);
  await scaleInstalled(env.cluster, replicas);
  await readyNetExporter(env, namespace, name, {});
  assert.equal((await agentsOf(env.kubectl, namespace, name)).length, env.cluster.nodes.length);
});
