import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { agentObjects, type ManifestObject } from '../../charts/agent/agent.ts';
import { installation } from '../../charts/install/install.ts';
import { appliedAnnotation, managedByLabel, managerName } from '../../src/contract/agent-names.ts';
import { operatorName, syncServiceName } from '../../src/contract/operator-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { settingsOf } from '../../src/operator/agents/settings-of.ts';
import { stamped } from '../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../src/operator/apply/declared-object.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { getJson } from './agents.ts';
import { DryRun, refusalOf, type Verdict } from './dry-run.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  minorVersion,
  netExporter,
  operatorNamespace,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { harmlessMetadata, unrefused, violations } from './policy-violations.ts';

const namespace = 'e2e-privileges';
const name = 'maximal';
const nowhere = { 'net-exporter.dev/nowhere': '' };

/** Every field that reaches the objects, as different from its default as it may be. */
const spec = {
  agent: {
    ...{
      image: 'example.com/agent:1',
      imagePullPolicy: 'Always',
      imagePullSecrets: [{ name: 'registry' }],
      port: 9000,
    },
    resources: {
      requests: { cpu: '5m', 'ephemeral-storage': '1Mi' },
      limits: { memory: '99Mi', 'example.com/gpu': 1 },
    },
    tolerations: [{ operator: 'Exists' }],
    nodeSelector: nowhere,
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'Exists' }] }],
        },
      },
    },
    priorityClassName: 'system-cluster-critical',
    maxUnavailable: 1,
    podLabels: { team: 'network' },
    // As many as the definition allows: each costs the policy time, of which the API server limits it.
    podAnnotations: Object.fromEntries(
      Array.from({ length: 32 }, (_, index) => [`${'annotation.'.repeat(20)}example.com/note-${index}`, 'yes']),
    ),
  },
  dns: { service: { namespace: 'kube-system', name: 'kube-dns' }, servers: ['192.0.2.1'] },
  ntp: { enabled: true, servers: ['192.0.2.2', 'time.example'] },
  monitoring: { networkPolicy: 'Strict', labels: { release: 'prometheus' } },
};

let env: Environment;
let operator: ClusterApi;
let dryRun: DryRun;
let resource: NetExporter;
/** The operator's objects as the API server has them. */
let live: ManifestObject[];

before(async () => {
  env = await environment();
  const token = await env.kubectl(['create', 'token', operatorName, '-n', operatorNamespace]);
  operator = await ClusterApi.of(env.cluster.kubeconfig, token.trim());
  dryRun = new DryRun(operator);
  await restrictedNamespace(env.kubectl, namespace);
  await apply(env.kubectl, netExporter(namespace, name, spec));
  const daemonSet = ['daemonset', '-n', namespace, `${name}-agent`];
  await waitFor('the DaemonSet', () => getJson(env.kubectl, daemonSet), { timeout: deadline });
  resource = (await getJson(env.kubectl, ['netexporter', '-n', namespace, name])) as NetExporter;
  live = await Promise.all(
    declared(resource).map(({ kind, metadata }) =>
      getJson<ManifestObject>(env.kubectl, [kind, '-n', namespace, metadata.name]),
    ),
  );
});

after(async () => {
  operator.close();
  await removeNamespace(env.kubectl, namespace);
});

/** What an operator declares for the NetExporter, or for one of another name. */
function declared({ metadata, ...rest }: NetExporter, name = metadata.name): ManifestObject[] {
  const other = { ...rest, metadata: { ...metadata, name } };
  const runtime = { image: 'example.com/agent:1', settings: settingsOf(other, ['10.96.0.7']), podMonitor: false };
  return agentObjects(other, runtime).map((object) => stamped(object as DeclaredObject) as ManifestObject);
}

/** An object with more labels and annotations. */
function withMetadata(object: ManifestObject, more: Record<string, object>): ManifestObject {
  const metadata = { ...object.metadata };
  for (const [field, added] of Object.entries(more)) metadata[field] = { ...(metadata[field] as object), ...added };
  return { ...object, metadata };
}

async function assertRefused(what: string, verdict: Promise<Verdict>, message: RegExp): Promise<void> {
  assert.match(refusalOf(await verdict), message, what);
}

test('the operator may create, change and delete what it declares for a NetExporter that sets every field', async (t) => {
  tellOnFailure(t, env, namespace);
  const { status } = (await getJson(env.kubectl, ['netexporter', '-n', namespace, name])) as NetExporter;
  assert.notEqual(status?.conditions?.find(({ type }) => type === 'Stalled')?.status, 'True');
  for (const object of declared(resource, 'another')) {
    assert.equal(await dryRun.create(object), 'admitted', object.kind);
    assert.equal(await dryRun.apply(object), 'admitted', `apply of a new ${object.kind}`);
    // The identities of a cloud follow annotations of ServiceAccounts: of those, no webhook adds any.
    const { labels, annotations } = harmlessMetadata;
    const added = { labels, ...(object.kind !== 'ServiceAccount' && { annotations }) };
    assert.equal(await dryRun.create(withMetadata(object, added)), 'admitted', `${object.kind} that a webhook changed`);
  }
  for (const object of declared(resource)) assert.equal(await dryRun.apply(object), 'admitted', object.kind);
  for (const object of live) {
    assert.equal(await dryRun.replace(object), 'admitted', object.kind);
    // Its role lets it delete no ServiceAccount.
    if (object.kind !== 'ServiceAccount')
      assert.equal(await dryRun.delete(object), 'admitted', `deletion of ${object.kind}`);
  }
});

test("each rule for the operator's objects is kept on creation, change and apply, and none is idle", async (t) => {
  const kinds = new Set(live.map(({ kind }) => kind));
  const minor = await minorVersion(env.kubectl);
  const tried = violations.filter(({ kind, since = 0 }) => kinds.has(kind) && minor >= since);
  for (const { attempt, since = 0 } of violations)
    if (minor < since) await t.test(attempt, { skip: `the API server drops the field before Kubernetes 1.${since}` });
  assert.deepEqual(
    await unrefused(dryRun, tried, { declared: declared(resource), another: declared(resource, 'another'), live }),
    [],
  );
  const untested = rules().filter((rule) => !violations.some(({ message }) => message.test(rule)));
  // Those of the next tests.
  const others = untested.filter(
    (rule) => !/^the operator (writes no|changes and deletes|reports)|the Secret/.test(rule),
  );
  assert.deepEqual(others, []);
});

/** What the rules of the policy say. */
function rules(): string[] {
  const policy = (installation('1.2.3') as ManifestObject[]).find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  return (policy!.spec as { validations: { message: string }[] }).validations.map(({ message }) => message);
}

test("with the operator's token nobody changes, takes over or deletes objects of others", async () => {
  const notOurs = /changes and deletes only objects whose controller is a NetExporter/;
  const labels = { [managedByLabel]: managerName, 'app.kubernetes.io/instance': name };
  const { ownerReferences } = live[0]!.metadata;
  const foreign = [
    { kind: 'ConfigMap', metadata: { namespace: 'kube-system', name: 'coredns' }, change: { data: { Corefile: '' } } },
    {
      kind: 'Service',
      metadata: { namespace: 'kube-system', name: 'kube-dns' },
      change: { spec: { selector: { app: 'x' } } },
    },
    {
      ...{ kind: 'ServiceAccount', metadata: { namespace: 'kube-system', name: 'coredns' } },
      change: { metadata: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/admin' } } },
    },
    {
      kind: 'Service',
      metadata: { namespace: operatorNamespace, name: syncServiceName },
      change: { spec: { sessionAffinity: 'ClientIP' } },
    },
    {
      kind: 'ConfigMap',
      metadata: { namespace: operatorNamespace, name: 'kube-root-ca.crt' },
      change: { data: { more: 'x' } },
    },
  ];
  for (const { kind, metadata, change } of foreign) {
    const what = `${kind} ${metadata.name}`;
    const taken = { metadata: { labels, ownerReferences } };
    await assertRefused(what, dryRun.merge({ kind, metadata }, change), notOurs);
    await assertRefused(`taking over ${what}`, dryRun.merge({ kind, metadata }, taken), notOurs);
    const apiVersion = 'v1';
    const applied = { apiVersion, kind, ...change, metadata: { ...metadata, labels, ownerReferences } };
    await assertRefused(`apply of ${what}`, dryRun.apply(applied as ManifestObject), notOurs);
    if (kind !== 'ServiceAccount')
      await assertRefused(`deletion of ${what}`, dryRun.delete({ kind, metadata }), notOurs);
  }
  const created = { kind: 'Service', apiVersion: 'v1', metadata: { namespace: 'default', name: 'proxy' } };
  const service = { ...created, spec: { ports: [{ port: 443 }] } };
  await assertRefused('a Service', dryRun.create(service), /writes only objects whose controller is a NetExporter/);
  const container = { name: 'root', image: 'example.com/root:1', securityContext: { privileged: true } };
  const metadata = { namespace: 'kube-system', name: 'root', labels: { app: 'root' } };
  const template = { metadata: { labels: { app: 'root' } }, spec: { containers: [container] } };
  const daemonSet = { selector: { matchLabels: { app: 'root' } }, template };
  const root = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: daemonSet };
  await assertRefused('a privileged DaemonSet', dryRun.create(root), /writes only objects whose controller/);
  await assertRefused('apply of it', dryRun.apply(root), /writes only objects whose controller/);
});

/** An object of any kind, changed field by field. */
type Orphan = ManifestObject & { spec: Record<string, unknown> };

/** Makes an object as `kubectl delete --cascade=orphan` leaves it. @returns it, and how the operator adopts it */
async function leave(kind: string, change: (object: Orphan) => void = () => {}) {
  const object = declared(resource, 'orphan').find((object) => object.kind === kind)!;
  const { ownerReferences, ...metadata } = object.metadata;
  const left = structuredClone({ ...object, metadata }) as Orphan;
  change(left);
  await env.kubectl(['delete', kind, '-n', namespace, metadata.name, '--ignore-not-found']);
  // Not by `kubectl apply`, which adds an annotation.
  await env.kubectl(['create', '-f', '-'], { input: JSON.stringify(left) });
  return { object, adoption: { metadata: { ownerReferences, annotations: { [appliedAnnotation]: 'adopted' } } } };
}

test("with the operator's token orphans of a NetExporter are adopted, if they are as the operator creates them", async () => {
  const orphansOnly = /adopts only orphans of one/;
  const { uid } = (await getJson<{ metadata: { uid: string } }>(env.kubectl, ['namespace', namespace])).metadata;
  const other = { apiVersion: 'v1', kind: 'Namespace', name: namespace, uid };
  for (const kind of ['ServiceAccount', 'Service', 'NetworkPolicy', 'ConfigMap', 'DaemonSet']) {
    const { object, adoption } = await leave(kind, ({ metadata }) => {
      metadata.ownerReferences = [{ ...other, controller: false }];
    });
    assert.equal(await dryRun.merge(object, adoption), 'admitted', kind);
    const unowned = { metadata: { annotations: { [appliedAnnotation]: 'adopted' } } };
    await assertRefused(`${kind} without an owner`, dryRun.merge(object, unowned), orphansOnly);
    if (kind !== 'ServiceAccount') await assertRefused(`deletion of ${kind}`, dryRun.delete(object), orphansOnly);
    const notOurs: [string, (object: Orphan) => void][] = [
      ...[managedByLabel, 'app.kubernetes.io/instance', 'app.kubernetes.io/name'].map(
        (label): [string, (object: Orphan) => void] => [
          `another ${label}`,
          ({ metadata }) => Object.assign(metadata.labels as object, { [label]: 'other' }),
        ],
      ),
      ['no labels', ({ metadata }) => delete metadata.labels],
      [
        'another controller',
        ({ metadata }) => Object.assign(metadata, { ownerReferences: [{ ...other, controller: true }] }),
      ],
    ];
    for (const [what, change] of notOurs) {
      await leave(kind, change);
      const { labels } = object.metadata;
      const taken = dryRun.merge(object, { metadata: { ...adoption.metadata, labels } });
      await assertRefused(`${kind} with ${what}`, taken, orphansOnly);
    }
  }
  const forged: [string, (object: Orphan) => void, RegExp][] = [
    [
      'ServiceAccount',
      ({ metadata }) => Object.assign(metadata.annotations as object, { 'eks.amazonaws.com/role-arn': 'x' }),
      /no annotation of a ServiceAccount/,
    ],
    [
      'ServiceAccount',
      (account) => Object.assign(account, { automountServiceAccountToken: true }),
      /automountServiceAccountToken/,
    ],
    ['Service', ({ spec }) => Object.assign(spec, { externalIPs: ['192.0.2.1'] }), /no Service external IPs/],
    ['Service', ({ spec }) => Object.assign(spec, { selector: { app: 'x' } }), /no other pods/],
    ['NetworkPolicy', ({ spec }) => Object.assign(spec, { podSelector: {} }), /no other pods/],
    [
      'DaemonSet',
      ({ spec }) => Object.assign((spec.template as { spec: object }).spec, { hostNetwork: true }),
      /no namespace of the node/,
    ],
    [
      'ConfigMap',
      ({ metadata }) =>
        Object.assign(metadata.annotations as object, { 'replicator.v1.mittwald.de/replicate-to': 'x' }),
      /power elsewhere/,
    ],
  ];
  for (const [kind, change, message] of forged) {
    const { object, adoption } = await leave(kind, change);
    await assertRefused(`a forged ${kind}`, dryRun.merge(object, adoption), message);
  }
});

test("in its own namespace the operator's token writes nothing but the operator's own objects, and Events about NetExporters", async () => {
  const place = (name: string, namespace = operatorNamespace) => ({ namespace, name });
  const secret = { apiVersion: 'v1', kind: 'Secret' };
  const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [] };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec: {} };
  await assertRefused('a Secret', dryRun.create({ ...secret, metadata: place('more') }), /writes no Secret but/);
  const token = { ...secret, metadata: place('token'), type: 'kubernetes.io/service-account-token' };
  const annotations = { 'kubernetes.io/service-account.name': operatorName };
  const forToken = { ...token, metadata: { ...token.metadata, annotations } };
  await assertRefused('a Secret for a token', dryRun.create(forToken), /writes no Secret but/);
  await assertRefused(
    'an EndpointSlice',
    dryRun.create({ ...slice, metadata: place('more') }),
    /writes no EndpointSlice but/,
  );
  await assertRefused('a Lease', dryRun.create({ ...lease, metadata: place('more') }), /writes no Lease but/);
  const renewal = { spec: { renewTime: '2026-01-01T00:00:00.000000Z' } };
  assert.equal(await dryRun.merge({ kind: 'Lease', metadata: place(operatorName) }, renewal), 'admitted');
  const own = { ...secret, metadata: place(syncServiceName) };
  assert.equal(await dryRun.merge(own, { metadata: { labels: { note: 'own' } } }), 'admitted');

  const { apiVersion, kind, metadata } = resource;
  const regarding = { apiVersion, kind, namespace, name: metadata.name, uid: metadata.uid };
  const event = {
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: place('event', namespace) },
    ...{ type: 'Normal', reason: 'Test', action: 'Test', note: 'A test.', eventTime: '2026-01-01T00:00:00.000000Z' },
    ...{ regarding, reportingController: 'net-exporter.dev/operator', reportingInstance: 'test' },
  };
  assert.equal(await dryRun.create(event), 'admitted');
  const about = (fields: object) => dryRun.create({ ...event, ...fields });
  const pod = { apiVersion: 'v1', kind: 'Pod', namespace, name: 'x' };
  await assertRefused('an Event about a pod', about({ regarding: pod }), /reports Events about a NetExporter only/);
  const ofNode = { regarding: { apiVersion: 'v1', kind: 'Node', name: 'x' }, metadata: place('event', 'default') };
  assert.equal(await about({ ...ofNode, reason: 'SuspectFound' }), 'admitted');
  await assertRefused('another Event about a Node', about(ofNode), /reports Events about a NetExporter only/);
  const kubelet = about({ reportingController: 'kubelet' });
  await assertRefused('an Event in the name of another', kubelet, /reports Events about a NetExporter only/);
});

test('what others have changed of an object does not keep the operator from putting it right', async (t) => {
  tellOnFailure(t, env, namespace);
  // Paused, or the operator itself would be there first.
  await env.kubectl(['annotate', 'nx', '-n', namespace, name, 'net-exporter.dev/paused=true']);
  const paused = async () => {
    const { status } = (await getJson(env.kubectl, ['netexporter', '-n', namespace, name])) as NetExporter;
    return status?.conditions?.some(({ reason }) => reason === 'Paused');
  };
  await waitFor('the pause', paused, { timeout: deadline });
  const changes: [string, object][] = [
    [
      'service',
      { metadata: { labels: { [managedByLabel]: null } }, spec: { type: 'NodePort', externalIPs: ['192.0.2.9'] } },
    ],
    ['daemonset', { metadata: { labels: null }, spec: { template: { spec: { hostNetwork: true } } } }],
    [
      'serviceaccount',
      {
        automountServiceAccountToken: true,
        metadata: { annotations: { 'iam.gke.io/gcp-service-account': 'someone' } },
      },
    ],
  ];
  for (const [kind, patch] of changes)
    await env.kubectl([
      ...['patch', kind, '-n', namespace, `${name}-agent`, '--type=merge', '-p'],
      JSON.stringify(patch),
    ]);
  // The operator corrects the managed fields of an object first, and its content by the next request.
  const metadataAlone = { metadata: { annotations: { [appliedAnnotation]: 'corrected' } } };
  for (const kind of ['Service', 'DaemonSet']) {
    const object = declared(resource).find((object) => object.kind === kind)!;
    assert.equal(await dryRun.merge(object, metadataAlone), 'admitted', kind);
  }
  for (const object of declared(resource).filter(({ kind }) => ['Service', 'ServiceAccount'].includes(kind)))
    assert.equal(await dryRun.apply(object), 'admitted', object.kind);
  // What the operator does not declare stays, and its writes would be used to spread it.
  const daemonSet = declared(resource).find(({ kind }) => kind === 'DaemonSet')!;
  const change = structuredClone(daemonSet) as ManifestObject & { spec: { revisionHistoryLimit: number } };
  change.spec.revisionHistoryLimit = 7;
  await assertRefused('a write with the network of the node', dryRun.apply(change), /no namespace of the node/);
});

test('the policy is about no other account', async () => {
  const token = await env.kubectl(['create', 'token', 'default', '-n', namespace]);
  const role = ['-n', namespace, '--verb=create', '--resource=configmaps'];
  await env.kubectl(['create', 'role', 'writer', ...role]);
  const binding = ['-n', namespace, '--role=writer', `--serviceaccount=${namespace}:default`];
  await env.kubectl(['create', 'rolebinding', 'writer', ...binding]);
  const api = await ClusterApi.of(env.cluster.kubeconfig, token.trim());
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'free' } };
  const isAdmitted = async () => (await new DryRun(api).create(object)) === 'admitted';
  await waitFor('a ConfigMap of another account', isAdmitted, { timeout: deadline }).finally(() => api.close());
});
