import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from 'pino';
import type { ManifestObject } from '../../../../charts/agent/agent.ts';
import type { NetExporter, NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import type { AppliedKind, ApplyResult } from '../../../../src/operator/apply/applier.ts';
import { keptNetExporterOf } from '../../../../src/operator/cache/kept-net-exporter.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import { childKinds, podMonitors, prometheusRules } from '../../../../src/operator/cache/watched-kinds.ts';
import { netExporterReconcile } from '../../../../src/operator/controller/reconcile.ts';
import type { EventContent } from '../../../../src/operator/events/event.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { apiVersionOf, type Resource } from '../../../../src/operator/kube/resource.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import type { AgentsSync } from '../../../../src/operator/sync/agents-sync.ts';
import { encodeSyncAccess, parseSyncAccess, type SyncAccess } from '../../../../src/protocol/sync-access.ts';
import { FakeClock } from '../../fake-clock.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const key = 'monitoring/default';

interface Port {
  port: number;
}

/**
 * Reconciles against an applier that answers as `answer` says; by default everything is as declared and all agents run.
 */
function setUp(
  resource: NetExporter | undefined,
  answer: (what: string) => ApplyResult | Error | undefined = () => undefined,
  {
    podMonitors: available = false,
    prometheusRules: rulesAvailable = false,
    unknown,
    sync,
    nameservers,
  }: {
    podMonitors?: boolean;
    prometheusRules?: boolean;
    /** Of both kinds. */
    unknown?: { denial?: string };
    sync?: AgentsSync;
    nameservers?: string[];
  } = {},
) {
  const applied = new Map<string, ManifestObject>();
  const removed: string[] = [];
  const events: EventContent[] = [];
  const statuses: NetExporterStatus[] = [];
  const resources = new Store<NetExporter>();
  if (resource) resources.set(key, resource);
  const pods = new Store<AgentPod>({
    owner: ({ owner }) => [owner],
    faulty: ({ owner, fault }) => (fault ? [owner] : []),
    node: ({ node }) => [node],
  });
  const nodes = new Store<NodeFacts>({ unready: ({ ready }) => (ready ? [] : ['']) });
  const clock = new FakeClock();
  /** What the API server has as Events, and what was asked of it. */
  const listed = { items: [] as object[], asked: [] as object[], error: undefined as Error | undefined };
  const kinds = childKinds.map((kind): [string, AppliedKind] => [
    `${apiVersionOf(kind)} ${kind.kind}`,
    { resource: kind, store: new Store() },
  ]);
  const optionalKind = (resource: Resource, available: boolean) => ({
    ...{ resource, available },
    isAbsent: !available && unknown === undefined,
    denial: unknown?.denial,
    store: new Store<KubeObject>(),
    lost: () => void lost.push(resource.kind),
  });
  const podMonitorKind = optionalKind(podMonitors, available);
  const lost: string[] = [];
  const reconcile = netExporterReconcile({
    podMonitors: podMonitorKind,
    prometheusRules: optionalKind(prometheusRules, rulesAvailable),
    resources,
    kinds: new Map(kinds),
    pods,
    nodes,
    client: {
      list: async (_, selection) => {
        listed.asked.push(selection);
        if (listed.error) throw listed.error;
        return { metadata: { resourceVersion: '1' }, items: listed.items as KubeObject[] };
      },
    },
    random: () => 1,
    applier: {
      apply: async (object, kind) => {
        const what = `${object.kind} ${object.metadata.name}`;
        assert.equal(kind.resource.kind, object.kind);
        applied.set(what, object as ManifestObject);
        const result = answer(what);
        if (result instanceof Error) throw result;
        return result ?? { action: 'unchanged', object: served(object) };
      },
      remove: async (objectKey, kind) => {
        removed.push(`${kind.resource.kind} ${objectKey}`);
        const result = answer(`${kind.resource.kind} ${objectKey.split('/')[1]}`);
        if (result instanceof Error) throw result;
        return true;
      },
    },
    statusWriter: {
      write: ({ compute, written }) => {
        const after = compute(undefined);
        statuses.push(after);
        written({ before: undefined, after });
      },
    },
    events: { record: (event) => events.push(event) },
    clock,
    nameservers,
    agentImage: 'example.com/agent:default',
    sync,
  });
  return {
    resources,
    applied,
    removed,
    events,
    statuses,
    pods,
    nodes,
    clock,
    listed,
    run: (log = quietLog) => reconcile(key, { log, signal: new AbortController().signal }),
    lost,
    kinds: new Map(kinds),
    podMonitorKind,
    condition: (type: string) => statuses.at(-1)?.conditions?.find((condition) => condition.type === type),
    annotated: () => 'annotations' in applied.get('Service default-agent-peers')!.metadata,
    ready: () => statuses.at(-1)?.conditions?.find(({ type }) => type === 'Ready'),
    settings: () =>
      JSON.parse((applied.get('ConfigMap default-agent')!.data as Record<string, string>)['settings.json']!),
  };
}

/** What the API server makes of an object: addresses for a Service, progress for a DaemonSet. */
function served(object: object) {
  const status = {
    observedGeneration: 1,
    desiredNumberScheduled: 2,
    currentNumberScheduled: 2,
    updatedNumberScheduled: 2,
    numberReady: 2,
  };
  const declared = object as ManifestObject;
  const metadata = { ...declared.metadata, uid: 'd1', resourceVersion: '1', generation: 1 };
  const spec =
    declared.kind === 'Service' ? { ...(declared.spec as object), clusterIPs: ['10.96.0.7'] } : declared.spec;
  return { ...declared, metadata, spec, status };
}

/** An object named as the agents are, as the watch shows it; it belongs to the NetExporter of that uid. */
function watched(apiVersion: string, kind: string, uid = netExporter().metadata.uid): KubeObject {
  const owner = {
    apiVersion: 'net-exporter.dev/v1alpha1',
    kind: 'NetExporter',
    name: 'default',
    uid,
    controller: true,
  };
  const metadata = { name: 'default-agent', namespace: 'monitoring', ownerReferences: [owner] };
  return served({ apiVersion, kind, metadata }) as unknown as KubeObject;
}

test('one that is gone or is being deleted is left to the garbage collector', async () => {
  const deleted = netExporter();
  deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  for (const resource of [undefined, deleted]) {
    const { run, applied, statuses } = setUp(resource);
    assert.deepEqual(await run(), {});
    assert.equal(applied.size + statuses.length, 0);
  }
});

test('one that is being deleted and has a finalizer of another controller says so, and is left alone', async () => {
  const held = netExporter();
  held.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  held.metadata.finalizers = ['foregroundDeletion', 'backup.example.com/hold'];
  const { run, applied, condition, kinds, statuses } = setUp(held);
  kinds.get('apps/v1 DaemonSet')!.store.set('monitoring/default-agent', watched('apps/v1', 'DaemonSet'));
  assert.deepEqual(await run(), {});
  assert.equal(applied.size, 0);
  const { status, reason, message } = condition('Reconciling')!;
  assert.deepEqual([status, reason, condition('Ready')?.status], ['True', 'WaitingForFinalizers', 'False']);
  assert.match(message, /^Deletion waits for the finalizer backup\.example\.com\/hold, until the controller that/);
  assert.equal(statuses.at(-1)?.agents?.summary, '2/2', 'agents still run');
  held.metadata.finalizers = ['foregroundDeletion'];
  await run();
  assert.equal(statuses.length, 1, 'the garbage collector needs no help');
});

test('the address that the Service got goes into the settings', async () => {
  const { run, settings, applied, ready, events } = setUp(netExporter());
  assert.deepEqual(await run(), {});
  assert.deepEqual(settings().network.services, ['10.96.0.7:8000']);
  assert.deepEqual(
    [...applied.keys()],
    [
      'ServiceAccount default-agent',
      'Service default-agent',
      'Service default-agent-peers',
      'NetworkPolicy default-agent',
      'ConfigMap default-agent',
      'DaemonSet default-agent',
    ],
  );
  assert.equal(ready()?.status, 'True');
  assert.deepEqual(
    events.map(({ reason }) => reason),
    ['AgentsReady'],
  );
});

for (const [image, expected] of [
  ['', 'example.com/agent:default'],
  ['example.com/mine:2', 'example.com/mine:2'],
] as const)
  test(`the image "${image}" means ${expected}`, async () => {
    const { run, applied } = setUp(
      netExporter((spec) => {
        spec.agent.image = image;
      }),
    );
    await run();
    assert.match(JSON.stringify(applied.get('DaemonSet default-agent')), new RegExp(`"image":"${expected}"`));
  });

test('a stored spec that exceeds the limits is cut to them, and the status says so', async () => {
  const hosts = Array.from({ length: 64 }, (_, index) => `h${index}.example.com.`);
  const servers = Array.from({ length: 16 }, (_, index) => `10.1.0.${index + 1}`);
  const { run, settings, ready } = setUp(
    netExporter(({ dns }) => Object.assign(dns, { hosts, servers, recordTypes: ['A', 'AAAA'] })),
  );
  await run();
  assert.deepEqual(settings().dns.hosts, hosts.slice(0, 13));
  assert.match(ready()?.message ?? '', /agents are ready\. Agents look up only the first 13 of 64 names/);
});

/** Its spec makes agents look up more names than they may; that it was applied is in its status. */
function excessive(): NetExporter {
  const hosts = Array.from({ length: 64 }, (_, index) => `h${index}.example.com.`);
  const servers = Array.from({ length: 16 }, (_, index) => `10.1.0.${index + 1}`);
  const resource = netExporter(({ dns }) => Object.assign(dns, { hosts, servers, recordTypes: ['A', 'AAAA'] }));
  resource.status = { observedGeneration: resource.metadata.generation };
  return resource;
}

for (const [what, change] of [
  ['is paused', { annotations: { 'net-exporter.dev/paused': 'true' } }],
  ['waits for finalizers', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/a'] }],
] as const)
  for (const isKnown of [true, false])
    test(`${isKnown ? 'the leader that applied it' : 'a new leader'} still says of a spec that exceeds the limits, and ${what}, what is left out`, async () => {
      const resource = excessive();
      const sync = Object.assign(recordedSync(access), {
        findingOf: () => ({ agents: 2, reporting: 2, configured: 2, unheard: 0, overdue: [], waiting: [] }),
      });
      const { run, resources, condition } = setUp(resource, undefined, { sync });
      if (isKnown) await run();
      const changed = { ...resource, metadata: { ...resource.metadata, ...change } } as NetExporter;
      // Edited since: what is applied is the spec before, which only the leader that applied it knows.
      if (isKnown) Object.assign(changed.metadata, { generation: 9 });
      resources.set(key, changed);
      await run();
      assert.equal(condition('ConfigPropagated')?.reason, 'ProbesLimited');
      assert.match(condition('ConfigPropagated')!.message, /Agents look up only the first 13 of 64 names/);
    });

test('an object that is not ours is reported and looked at again, and the others are applied', async () => {
  const { run, applied, ready, events } = setUp(netExporter(), (what) =>
    what === 'Service default-agent' ? { action: 'left', why: 'has no controller' } : undefined,
  );
  assert.deepEqual(await run(), { requeueAfterMs: 30_000 });
  assert.equal(applied.size, 6);
  assert.equal(ready()?.reason, 'ObjectNotOurs');
  assert.match(
    ready()!.message,
    /^Service default-agent already exists and has no controller\. If nothing else needs it, delete it: `kubectl delete -n monitoring service\/default-agent`\.$/,
  );
  assert.deepEqual(
    events.map(({ type, reason }) => [type, reason]),
    [['Warning', 'ObjectNotOurs']],
  );
});

test('an object that the API server refuses is reported in its words, and the others are applied', async () => {
  const { run, applied, ready } = setUp(netExporter(), (what) =>
    what === 'Service default-agent' ? new ApiError('Forbidden', 'quota exceeded', { status: 403 }) : undefined,
  );
  assert.deepEqual(await run(), { requeueAfterMs: 30_000 });
  assert.equal(applied.size, 6);
  assert.deepEqual(
    [ready()?.reason, ready()?.message],
    [
      'ApplyRejected',
      'Cannot apply Service default-agent: quota exceeded. Correct what this names; the operator retries.',
    ],
  );
});

test('in a namespace that is being deleted nothing is wrong, which is logged once', async () => {
  const message =
    'services "x" is forbidden: unable to create new content in namespace x because it is being terminated';
  const { run, ready, condition } = setUp(netExporter(), () => new ApiError('Forbidden', message, { status: 403 }));
  const lines: { level: string; msg: string }[] = [];
  const log = operatorLogger('info', { write: (line) => lines.push(JSON.parse(line)) });
  await run(log);
  assert.deepEqual([ready()?.reason, condition('Stalled')?.status], ['WaitingForDeletion', 'False']);
  const said = lines.filter(({ msg }) => msg !== 'condition changed');
  assert.deepEqual(
    said.map(({ level, msg }) => [level, msg]),
    [['info', 'cannot create objects, because the namespace is being deleted']],
  );
});

test('an annotation that was meant to pause and does not is quoted', async () => {
  for (const [value, isQuoted] of [
    ['TRUE', true],
    ['yes', true],
    ['false', false],
  ] as const) {
    const resource = netExporter();
    resource.metadata.annotations = { 'net-exporter.dev/paused': value };
    const { run, ready } = setUp(resource);
    await run();
    assert.equal(ready()!.message.includes(`net-exporter.dev/paused is "${value}", which does not pause`), isQuoted);
  }
});

for (const kind of ['ServiceAccount', 'ConfigMap'] as const)
  for (const [why, result, condition, reason, message] of [
    [
      'of someone else',
      { action: 'left', why: 'has no controller' },
      'Stalled',
      'ObjectNotOurs',
      `${kind} default-agent already exists and has no controller. If nothing else needs it, delete it: \`kubectl delete -n monitoring ${kind.toLowerCase()}/default-agent\`.`,
    ],
    [
      'that is missing because its creation is rejected',
      new ApiError('Forbidden', 'quota exceeded', { status: 403 }),
      'Stalled',
      'ApplyRejected',
      `Cannot apply ${kind} default-agent: quota exceeded.`,
    ],
    [
      'that is being deleted',
      { action: 'waiting', why: 'is being deleted' },
      'Reconciling',
      'WaitingForDeletion',
      `${kind} default-agent is being deleted.`,
    ],
  ] as [string, ApplyResult | Error, string, string, string][])
    test(`while the pods would use a ${kind} ${why}, the DaemonSet is neither created nor changed`, async () => {
      const answer = (what: string) => (what === `${kind} default-agent` ? result : undefined);
      const { run, applied, kinds, condition: conditionOf, statuses } = setUp(netExporter(), answer);
      await run();
      assert.ok(applied.has('NetworkPolicy default-agent'), 'the others are applied');
      assert.ok(!applied.has('DaemonSet default-agent'));
      const { status, reason: found, message: said } = conditionOf(condition)!;
      assert.deepEqual([status, found], ['True', reason]);
      const rest = 'DaemonSet default-agent uses it and is neither created nor changed until then.';
      assert.ok(said.startsWith(message) && said.includes(` ${rest}`), said);
      kinds.get('apps/v1 DaemonSet')!.store.set('monitoring/default-agent', watched('apps/v1', 'DaemonSet'));
      await run();
      assert.equal(statuses.at(-1)?.agents?.summary, '2/2', 'agents that run already are counted');
    });

test('a ServiceAccount and a ConfigMap that could not be changed but are ours let the DaemonSet be applied', async () => {
  const refused = new ApiError('Forbidden', 'refused by a policy', { status: 403 });
  const { run, applied, kinds } = setUp(netExporter(), (what) =>
    /^(ServiceAccount|ConfigMap)/.test(what) ? refused : undefined,
  );
  for (const kind of ['ServiceAccount', 'ConfigMap'])
    kinds.get(`v1 ${kind}`)!.store.set('monitoring/default-agent', watched('v1', kind));
  await run();
  assert.ok(applied.has('DaemonSet default-agent'));
});

test('a failure that may pass is reported and tried again', async () => {
  const { run, applied, ready } = setUp(netExporter(), (what) =>
    what.startsWith('NetworkPolicy') ? new ApiError('Unavailable', 'webhook away', { status: 500 }) : undefined,
  );
  await assert.rejects(run(), { message: 'webhook away' });
  assert.equal(applied.size, 6);
  assert.equal(ready()?.reason, 'ApplyFailed');
});

for (const error of [
  new ApiError('Unavailable', 'no answer'),
  new ApiError('Conflict', 'changed', { status: 409 }),
  new ApiError('AlreadyExists', 'raced', { status: 409 }),
])
  test(`${error.message}: it is tried again without a word in the status`, async () => {
    const { run, statuses } = setUp(netExporter(), () => error);
    await assert.rejects(run(), error);
    assert.deepEqual(statuses, []);
  });

test('a webhook that denies every write with 409 goes into the status', async () => {
  const denied = new ApiError('Conflict', 'admission webhook "x.example.com" denied the request', { status: 409 });
  const { run, statuses, condition } = setUp(netExporter(), (what) => (what.startsWith('Config') ? denied : undefined));
  for (let attempt = 1; attempt <= 3; attempt++) {
    assert.equal(statuses.length, 0, `at attempt ${attempt} it may be a race`);
    await assert.rejects(run(), denied);
  }
  const message =
    'Cannot apply ConfigMap default-agent: admission webhook "x.example.com" denied the request. The operator retries. If this persists, check the API server and its admission webhooks.';
  assert.deepEqual(
    [condition('Reconciling')?.status, condition('Reconciling')?.reason, condition('Reconciling')?.message],
    ['True', 'ApplyFailed', message],
  );
});

test('a fault in the code is a condition, and the key is retried', async () => {
  const fault = new TypeError('cannot read properties of null');
  const { run, condition, events } = setUp(netExporter(), () => fault);
  await assert.rejects(run(), fault);
  const { status, reason, message } = condition('Stalled')!;
  assert.deepEqual([status, reason], ['True', 'ReconcileFailed']);
  assert.match(message, /^The operator failed to reconcile: TypeError: cannot read properties of null\. Revert .* log/);
  assert.deepEqual([condition('Ready')?.status, events.map(({ reason }) => reason)], ['False', ['ReconcileFailed']]);
});

for (const [field, change] of [
  ['spec.dns.servers', (spec) => Object.assign(spec.dns, { servers: ['nowhere'] })],
  ['spec.network.interval', (spec) => Object.assign(spec.network, { interval: 'soon' })],
] as [string, (spec: NetExporter['spec']) => void][])
  test(`a stored spec with an invalid ${field} is a condition that names the field`, async () => {
    const { run, condition } = setUp(netExporter(change));
    await assert.rejects(run());
    const { status, reason, message } = condition('Stalled')!;
    assert.deepEqual([status, reason], ['True', 'InvalidSpec']);
    assert.ok(message.startsWith(`Cannot use the spec: ${field}: `), message);
  });

test('a spec that is too large is a condition that names the field, and nothing is applied', async () => {
  const stored = netExporter((spec) => {
    spec.agent.affinity = { nodeAffinity: { text: 'x'.repeat(1_500_000) } };
  });
  const planned: string[] = [];
  const sync: AgentsSync = {
    access: () => undefined,
    dnsPortsOf: () => undefined,
    plan: ({ metadata }) => planned.push(metadata.name),
    settle: () => assert.fail('the settings stay'),
    judgedOf: () => undefined,
    findingOf: () => 'unknown',
  };
  const resource = keptNetExporterOf(stored as unknown as KubeObject);
  const { run, condition, applied, removed } = setUp(resource, undefined, { sync });
  assert.deepEqual(await run(), {}, 'a retry would not help');
  const { status, reason, message } = condition('Stalled')!;
  assert.deepEqual([status, reason], ['True', 'InvalidSpec']);
  assert.match(message, /: spec\.agent\.affinity takes 1466 KiB of memory; the limit for the whole spec is 128 KiB\. /);
  assert.deepEqual([applied.size, removed], [0, []]);
  assert.deepEqual(planned, ['default'], 'agents of new nodes get targets');
});

test('a rejection of 40,000 characters is cut, in a status that can be written, and keeps its advice', async () => {
  const rejected = new ApiError('Invalid', `DaemonSet is invalid: ${'x'.repeat(40_000)}`, { status: 422 });
  const { run, statuses } = setUp(netExporter(), () => rejected);
  await run();
  const { conditions = [] } = statuses.at(-1)!;
  for (const { message } of conditions) assert.ok(message.length <= 1000, `${message.length}`);
  const stalled = conditions.find(({ type }) => type === 'Stalled')!;
  assert.match(
    stalled.message,
    /^Cannot apply ServiceAccount default-agent: DaemonSet is invalid: x+… Correct the spec\./,
  );
});

for (const error of [
  new ApiError('Unavailable', 'webhook away', { status: 500 }),
  new ApiError('TooManyRequests', 'too many requests', { status: 429 }),
  new ApiError('Forbidden', 'refused by a policy', { status: 403 }),
])
  test(`a Service of ours that could not be changed (${error.message}) keeps its address in the settings`, async () => {
    const sync = recordedSync(access);
    const answer = (what: string) => (what === 'Service default-agent' ? error : undefined);
    const { run, kinds, settings } = setUp(netExporter(), answer, { sync });
    kinds.get('v1 Service')!.store.set('monitoring/default-agent', watched('v1', 'Service'));
    await run().catch((thrown) => assert.equal(thrown, error));
    assert.deepEqual(settings().network.services, ['10.96.0.7:8000']);
    assert.deepEqual(sync.services, ['10.96.0.7:8000'], 'agents are told of it at once');
  });

for (const [whose, service, result] of [
  ['that is not there', undefined, new ApiError('Forbidden', 'quota exceeded', { status: 403 })],
  // The garbage collector may take it at any time.
  [
    'of a deleted namesake that could not be taken over',
    watched('v1', 'Service', 'deleted'),
    new ApiError('Forbidden', 'refused by a policy', { status: 403 }),
  ],
  ['of someone else', watched('v1', 'Service', 'other'), { action: 'left', why: 'one exists' }],
  ['that is going away', watched('v1', 'Service'), { action: 'waiting', why: 'is being deleted' }],
  ['that is created anew', watched('v1', 'Service'), { action: 'replacing', field: 'spec', deleted: true }],
] as [string, KubeObject | undefined, ApplyResult | Error][])
  test(`the address of a Service ${whose} is in no settings`, async () => {
    const { run, kinds, settings } = setUp(netExporter(), (what) =>
      what === 'Service default-agent' ? result : undefined,
    );
    if (service) kinds.get('v1 Service')!.store.set('monitoring/default-agent', service);
    await run();
    assert.deepEqual(settings().network.services, []);
  });

test('the agents of a DaemonSet that could not be changed are still counted, and their faults told', async () => {
  const refused = new ApiError('Unavailable', 'webhook away', { status: 500 });
  const { run, kinds, pods, statuses, condition } = setUp(netExporter(), (what) =>
    what.startsWith('DaemonSet') ? refused : undefined,
  );
  kinds.get('apps/v1 DaemonSet')!.store.set('monitoring/default-agent', watched('apps/v1', 'DaemonSet'));
  await assert.rejects(run(), refused);
  assert.equal(statuses.at(-1)?.agents?.summary, '2/2');
  assert.equal(condition('Reconciling')?.reason, 'ApplyFailed');
  const fault = { reason: 'AgentImagePullFailed', message: 'image:x: ImagePullBackOff' } as const;
  pods.set('monitoring/ours', agentPod({ owner: key, controller: 'd1', node: 'n2', fault }));
  await assert.rejects(run(), refused);
  assert.equal(condition('Stalled')?.reason, 'AgentImagePullFailed');
});

test('what was changed is told in one Event', async () => {
  const { run, events } = setUp(netExporter(), (what) => {
    const object = served({ metadata: { name: 'x' } });
    if (what.startsWith('ServiceAccount')) return { action: 'created', object };
    return what.startsWith('ConfigMap') ? { action: 'updated', object, drift: ['data'] } : undefined;
  });
  await run();
  const [event] = events;
  assert.deepEqual(
    [event?.reason, event?.note],
    ['Applied', 'Created ServiceAccount default-agent, updated ConfigMap default-agent.'],
  );
});

test('a NetworkPolicy that is no longer wanted is removed', async () => {
  const { run, removed, events } = setUp(
    netExporter((spec) => {
      spec.monitoring.networkPolicy = 'None';
    }),
  );
  await run();
  assert.deepEqual(removed, ['NetworkPolicy monitoring/default-agent']);
  assert.equal(events[0]?.note, 'Deleted NetworkPolicy default-agent.');
});

test('the Service that agents no longer dial is removed once the agents that report have the new settings', async () => {
  const resource = netExporter(({ network }) => {
    network.service = false;
  });
  let finding: ReturnType<AgentsSync['findingOf']> = 'unknown';
  const sync: AgentsSync = { ...recordedSync(access), findingOf: () => finding };
  const { run, removed, applied } = setUp(resource, undefined, { sync });
  const waiting = [{ node: 'node-1', why: 'outdated settings' }];
  const heard = { agents: 3, reporting: 2, configured: 2, unheard: 0, overdue: [], waiting };
  const dialled = [finding, { ...heard, configured: 1 }, { ...heard, unheard: 1 }, { obstacle: 'no address' }];
  for (const still of dialled) {
    finding = still;
    await run();
    assert.deepEqual(removed, []);
  }
  finding = heard;
  await run();
  assert.deepEqual(removed.splice(0), ['Service monitoring/default-agent']);
  assert.equal(applied.has('Service default-agent'), false);
});

test('the NetworkPolicy allows the former port while agents of this DaemonSet listen there', async () => {
  const { run, applied, pods, kinds } = setUp(netExporter());
  kinds.get('apps/v1 DaemonSet')!.store.set('monitoring/default-agent', watched('apps/v1', 'DaemonSet'));
  const allowed = () => {
    const { spec } = applied.get('NetworkPolicy default-agent') as unknown as {
      spec: { ingress: { ports: Port[] }[] };
    };
    return [...new Set(spec.ingress[0]!.ports.map(({ port }) => port))];
  };
  pods.set('a', agentPod({ owner: key, controller: 'd1', port: 9100 }));
  pods.set('b', agentPod({ owner: key, controller: 'other', port: 22 }));
  await run();
  assert.deepEqual(allowed(), [8000, 9100]);
  pods.delete('a');
  await run();
  assert.deepEqual(allowed(), [8000]);
});

test('a strict NetworkPolicy lets agents ask the resolvers that pods have', async () => {
  const strict = netExporter((spec) => {
    spec.monitoring.networkPolicy = 'Strict';
  });
  const { run, applied } = setUp(strict, undefined, { nameservers: ['10.96.0.10'] });
  await run();
  assert.match(JSON.stringify(applied.get('NetworkPolicy default-agent')), /"cidr":"10\.96\.0\.10\/32"/);
});

test('a strict NetworkPolicy names DNS ports until their numbers are known, and keeps these while they are unknown', async () => {
  const strict = netExporter((spec) => {
    spec.monitoring.networkPolicy = 'Strict';
  });
  let ports: number[] | undefined;
  const sync: AgentsSync = { ...recordedSync(access), dnsPortsOf: () => ports };
  const { run, applied, kinds } = setUp(strict, undefined, { sync });
  const allowed = async (known: number[] | undefined) => {
    ports = known;
    await run();
    const policy = applied.get('NetworkPolicy default-agent')!;
    kinds.get('networking.k8s.io/v1 NetworkPolicy')!.store.set(key.replace(/default$/, 'default-agent'), {
      ...(policy as unknown as KubeObject),
      metadata: { ...served(policy as never).metadata, ...policy.metadata },
    } as KubeObject);
    const { egress } = policy.spec as { egress: { ports: Port[] }[] };
    return [...new Set(egress[1]!.ports.map(({ port }) => port))];
  };
  assert.deepEqual(await allowed(undefined), [53, 'dns', 'dns-tcp']);
  assert.deepEqual(await allowed([5353]), [53, 5353]);
  assert.deepEqual(await allowed(undefined), [53, 5353], 'a new leader does not know them yet');
  assert.deepEqual(await allowed([]), [53, 'dns', 'dns-tcp'], 'they cannot be determined');
  strict.spec.dns.service.namespace = 'openshift-dns';
  assert.deepEqual(await allowed(undefined), [53, 'dns', 'dns-tcp']);
  assert.deepEqual(await allowed([1053, 5353]), [53, 1053, 5353]);
});

test('of the faults only those of our DaemonSet’s pods count', async () => {
  const { run, ready, pods } = setUp(netExporter());
  const fault = { reason: 'AgentImagePullFailed', message: 'image:x: ImagePullBackOff' } as const;
  pods.set('monitoring/orphan', agentPod({ owner: key, controller: 'old', node: 'n1', fault }));
  await run();
  assert.equal(ready()?.reason, 'AgentsReady');
  pods.set('monitoring/ours', agentPod({ owner: key, controller: 'd1', node: 'n2', fault }));
  await run();
  assert.equal(ready()?.reason, 'AgentImagePullFailed');
  assert.match(ready()!.message, /^1 agent cannot pull the image: n2 \(image:x: ImagePullBackOff\)\. Check spec/);
});

test('every line that a reconcile logs tells its key and its number', async () => {
  const { run } = setUp(netExporter(), (what) => {
    const object = served({ metadata: { name: 'x' } });
    if (what.startsWith('ServiceAccount')) return { action: 'created', object };
    if (what.startsWith('NetworkPolicy')) return new ApiError('Forbidden', 'quota exceeded', { status: 403 });
    return what.startsWith('ConfigMap') ? { action: 'updated', object, drift: ['data'] } : undefined;
  });
  const lines: { key?: string; reconcile?: number; msg: string }[] = [];
  const log = operatorLogger('trace', { write: (line) => lines.push(JSON.parse(line)) });
  await run(log.child({ key, reconcile: 7 }));
  assert.deepEqual(
    lines.map(({ msg, ...fields }) => [msg, fields.key, fields.reconcile]),
    ['created object', 'cannot apply object, will retry', 'updated object', 'condition changed'].map((msg) => [
      msg,
      key,
      7,
    ]),
  );
});

/**
 * Reconciles, also in vain. @returns at which level each time what hinders an object is told, and about which object
 */
async function toldOfHindrances(run: (log: Logger) => Promise<unknown>): Promise<[level: string, object: string][]> {
  const lines: { level: string; object: string; msg: string }[] = [];
  await run(operatorLogger('trace', { write: (line) => lines.push(JSON.parse(line)) })).catch(() => {});
  return lines
    .filter(({ msg }) => /^cannot (apply|delete) object/.test(msg))
    .map(({ level, object }) => [level, object]);
}

for (const [status, code] of [
  [403, 'Forbidden'],
  [500, 'Unavailable'],
] as const)
  test(`what hinders an object is warned of once, each reason by itself, and again when it comes back: ${code}`, async () => {
    let why: string | undefined = 'quota exceeded';
    const { run } = setUp(netExporter(), (what) =>
      why !== undefined && /^(ConfigMap|ServiceAccount)/.test(what) ? new ApiError(code, why, { status }) : undefined,
    );
    const both = (level: string) => ['ServiceAccount', 'ConfigMap'].map((kind) => [level, `${kind} default-agent`]);
    assert.deepEqual(await toldOfHindrances(run), both('warn'));
    assert.deepEqual(await toldOfHindrances(run), both('debug'));
    why = 'not in this namespace';
    assert.deepEqual(await toldOfHindrances(run), both('warn'));
    why = undefined;
    assert.deepEqual(await toldOfHindrances(run), []);
    why = 'quota exceeded';
    assert.deepEqual(await toldOfHindrances(run), both('warn'));
  });

test('what hinders the removal of an object is warned of once, and again when it comes back', async () => {
  const unwanted = netExporter((spec) => {
    spec.monitoring.networkPolicy = 'None';
  });
  let refused = true;
  const { run } = setUp(unwanted, (what) =>
    refused && what.startsWith('NetworkPolicy') ? new ApiError('Forbidden', 'no', { status: 403 }) : undefined,
  );
  const told = (level: string) => [[level, 'NetworkPolicy default-agent']];
  assert.deepEqual(await toldOfHindrances(run), told('warn'));
  assert.deepEqual(await toldOfHindrances(run), told('debug'));
  refused = false;
  assert.deepEqual(await toldOfHindrances(run), []);
  refused = true;
  assert.deepEqual(await toldOfHindrances(run), told('warn'));
});

test('a NetExporter that is made anew is told of anew', async () => {
  const { run, resources } = setUp(netExporter(), (what) =>
    what.startsWith('ConfigMap') ? new ApiError('Forbidden', 'no', { status: 403 }) : undefined,
  );
  const told = [['warn', 'ConfigMap default-agent']];
  assert.deepEqual(await toldOfHindrances(run), told);
  resources.delete(key);
  assert.deepEqual(await toldOfHindrances(run), []);
  resources.set(key, netExporter());
  assert.deepEqual(await toldOfHindrances(run), told);
});

test('a PodMonitor takes the place of the annotations where its API is there', async () => {
  const without = setUp(netExporter());
  await without.run();
  assert.deepEqual([without.applied.has('PodMonitor default-agent'), without.annotated()], [false, true]);
  const served = setUp(netExporter(), undefined, { podMonitors: true });
  await served.run();
  assert.deepEqual([served.applied.has('PodMonitor default-agent'), served.annotated()], [true, false]);
});

test('podMonitor: None is annotations only, and one that was there is removed', async () => {
  const resource = netExporter((spec) => {
    spec.monitoring.podMonitor = 'None';
  });
  const { run, applied, annotated, removed } = setUp(resource, undefined, { podMonitors: true });
  await run();
  assert.deepEqual([applied.has('PodMonitor default-agent'), annotated()], [false, true]);
  assert.deepEqual(removed, ['PodMonitor monitoring/default-agent']);
});

test('while a PodMonitor that is no longer wanted is there, no annotations have the agents scraped a second time', async () => {
  const unwanted = netExporter((spec) => {
    spec.monitoring.podMonitor = 'None';
  });
  const refused = new ApiError('Forbidden', 'no', { status: 403 });
  const answer = (what: string) => (what.startsWith('PodMonitor') ? refused : undefined);
  const { run, annotated, ready, podMonitorKind } = setUp(unwanted, answer, { podMonitors: true });
  podMonitorKind.store.set('monitoring/default-agent', watched('monitoring.coreos.com/v1', 'PodMonitor'));
  await run();
  assert.deepEqual([annotated(), ready()?.reason], [false, 'ApplyRejected']);
  podMonitorKind.store.delete('monitoring/default-agent');
  await run();
  assert.equal(annotated(), true);
});

test('a PodMonitor that could not be made leaves the annotations in place, and one that stays does not', async () => {
  const refused = new ApiError('Forbidden', 'no', { status: 403 });
  const answer = (what: string) => (what.startsWith('PodMonitor') ? refused : undefined);
  const { run, annotated, ready, podMonitorKind } = setUp(netExporter(), answer, { podMonitors: true });
  await run();
  assert.equal(annotated(), true);
  assert.equal(ready()?.reason, 'ApplyRejected');
  podMonitorKind.store.set('monitoring/default-agent', watched('monitoring.coreos.com/v1', 'PodMonitor'));
  await run();
  assert.equal(annotated(), false);
});

for (const error of [
  new ApiError('NotFound', 'the server could not find the requested resource', { status: 404 }),
  new ApiError('Unexpected', 'create not allowed while custom resource definition is terminating', { status: 405 }),
])
  test(`an API that has just gone is no failure: ${error.message}`, async () => {
    const answer = (what: string) => (what.startsWith('PodMonitor') ? error : undefined);
    const { run, annotated, ready, lost } = setUp(netExporter(), answer, { podMonitors: true });
    assert.deepEqual(await run(), {});
    assert.deepEqual([annotated(), ready()?.status, lost], [true, 'True', ['PodMonitor']]);
  });

test('a PrometheusRule comes with its API, whether there are PodMonitors or not, and goes with the wish for it', async () => {
  const rule = 'PrometheusRule default-agent';
  const made = async (more: Parameters<typeof setUp>[2], change?: Parameters<typeof netExporter>[0]) => {
    const { run, applied, removed } = setUp(netExporter(change), undefined, more);
    await run();
    return [[...applied.keys()].filter((what) => /^(PodMonitor|PrometheusRule)/.test(what)), removed];
  };
  assert.deepEqual(await made({}), [[], []]);
  assert.deepEqual(await made({ podMonitors: true }), [['PodMonitor default-agent'], []]);
  assert.deepEqual(await made({ prometheusRules: true }), [[rule], []]);
  const none = await made({ prometheusRules: true }, (spec) => {
    spec.monitoring.prometheusRule = 'None';
  });
  assert.deepEqual(none, [[], ['PrometheusRule monitoring/default-agent']]);
});

test('an API of PrometheusRules that has just gone is no failure', async () => {
  const gone = new ApiError('NotFound', 'the server could not find the requested resource', { status: 404 });
  const answer = (what: string) => (what.startsWith('PrometheusRule') ? gone : undefined);
  const { run, ready, lost } = setUp(netExporter(), answer, { prometheusRules: true });
  assert.deepEqual(await run(), {});
  assert.deepEqual([ready()?.status, lost], ['True', ['PrometheusRule']]);
});

test('Ready says which fields of the rules the API server has dropped, unless somebody else has taken them away', async () => {
  const messageAfter = async (action: 'created' | 'unchanged' | 'yielded', dropped: readonly string[]) => {
    const known = setUp(netExporter(), undefined, { prometheusRules: true });
    await known.run();
    const object = JSON.parse(
      JSON.stringify(known.applied.get('PrometheusRule default-agent'), (field, value) =>
        dropped.includes(field) ? undefined : value,
      ),
    );
    const conflict = { managers: ['x'], fields: ['spec'], requeueAfterMs: 1000 };
    const result = action === 'yielded' ? { action, object, conflict } : { action, object };
    const { run, ready } = setUp(netExporter(), (what) => (what.startsWith('PrometheusRule') ? result : undefined), {
      prometheusRules: true,
    });
    await run();
    return ready()!.message;
  };
  const notice =
    /^2 of 2 agents are ready\. The PrometheusRule lacks keep_firing_for, because the installed definition of PrometheusRule does not have it: alerts may resolve and fire again\. Upgrade the definitions of the Prometheus Operator\.$/;
  assert.match(await messageAfter('created', ['keep_firing_for']), notice);
  assert.doesNotMatch(await messageAfter('created', []), /lacks/);
  assert.doesNotMatch(await messageAfter('yielded', ['keep_firing_for']), /lacks/);
});

test('a rival is named in the status, and looked after when there is something to do', async () => {
  const object = served({ metadata: { name: 'x' } });
  const conflict = { managers: ['gitops'], fields: ['spec.ports'], requeueAfterMs: 20_000 };
  const { run, ready, events, condition } = setUp(netExporter(), (what) =>
    what === 'Service default-agent' ? { action: 'yielded', object, conflict } : undefined,
  );
  assert.deepEqual(await run(), { requeueAfterMs: 20_000 });
  assert.deepEqual([ready()?.status, condition('Stalled')?.reason], ['False', 'FieldConflict']);
  assert.match(
    ready()!.message,
    /^The field manager gitops keeps overwriting spec\.ports of Service default-agent\. Configure it to/,
  );
  assert.deepEqual(
    events.map(({ type, reason }) => [type, reason]),
    [['Warning', 'FieldConflict']],
  );
});

test('a rival’s object that is mended now and then is told once, not each time', async () => {
  const object = served({ metadata: { name: 'x' } });
  const conflict = { managers: [], fields: ['data'], requeueAfterMs: 300_000 };
  const { run, events, ready } = setUp(netExporter(), (what) =>
    what.startsWith('ConfigMap') ? { action: 'updated', object, drift: ['data'], conflict } : undefined,
  );
  // Something is in the way, so it is looked at as often as anything else that is.
  assert.deepEqual(await run(), { requeueAfterMs: 30_000 });
  assert.match(ready()!.message, /^An unknown client keeps overwriting data of ConfigMap default-agent\./);
  assert.deepEqual(
    events.map(({ reason }) => reason),
    ['FieldConflict'],
  );
});

test('an object that is created anew is told by an Event of its own', async () => {
  const { run, events, ready } = setUp(netExporter(), (what) =>
    what.startsWith('DaemonSet') ? { action: 'replacing', field: 'spec.selector', deleted: true } : undefined,
  );
  assert.deepEqual(await run(), { requeueAfterMs: 30_000 });
  assert.deepEqual(
    events.map(({ reason, note }) => [reason, note]),
    [['Replaced', 'Deleted DaemonSet default-agent to recreate it because spec.selector is immutable.']],
  );
  assert.equal(ready()?.reason, 'WaitingForDeletion');
});

test('a paused resource is changed in nothing, and its agents are still counted', async () => {
  const resource = netExporter();
  resource.metadata.annotations = { 'net-exporter.dev/paused': 'true' };
  const { run, applied, removed, kinds, statuses, condition } = setUp(resource, undefined, { podMonitors: true });
  assert.deepEqual(await run(), {});
  assert.deepEqual([condition('Ready')?.reason, condition('Reconciling')?.reason], ['Paused', 'Paused']);
  kinds.get('apps/v1 DaemonSet')!.store.set('monitoring/default-agent', watched('apps/v1', 'DaemonSet'));
  await run();
  assert.equal(statuses.at(-1)?.agents?.summary, '2/2');
  assert.deepEqual([condition('Ready')?.status, condition('Reconciling')?.reason], ['True', 'Paused']);
  assert.equal(applied.size + removed.length, 0);
});

test('any other value of the annotation pauses nothing', async () => {
  const resource = netExporter();
  resource.metadata.annotations = { 'net-exporter.dev/paused': 'false' };
  const { run, applied } = setUp(resource);
  await run();
  assert.equal(applied.size, 6);
});

const certificate = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
const access: SyncAccess = {
  version: 1,
  addresses: ['10.96.0.9:8443'],
  serverName: 'net-exporter-operator.net-exporter.dev',
  ca: certificate,
};

/** Sync that writes down what it is told. */
function recordedSync(known: SyncAccess | undefined): AgentsSync & { told: string[]; services: string[] } {
  const told: string[] = [];
  const services: string[] = [];
  return {
    told,
    services,
    access: () => known,
    dnsPortsOf: () => undefined,
    plan: ({ metadata }) => void told.push(`plan ${metadata.name}`),
    settle: (of, { resource, network }) => {
      told.push(`settle ${of} ${resource.generation}`);
      services.push(...network.services);
    },
    judgedOf: () => undefined,
    findingOf: (of) => ({ obstacle: `none of ${of}` }),
  };
}

/** What is applied where an earlier ConfigMap says that agents reach the operator at another address. */
async function appliedWith(
  sync: AgentsSync | undefined,
  resource = netExporter(),
): Promise<Map<string, ManifestObject>> {
  const { run, applied, kinds } = setUp(resource, undefined, sync ? { sync } : {});
  const earlier = { ...access, addresses: ['10.96.0.8:8443'] };
  const metadata = { name: 'default-agent', namespace: 'monitoring', uid: 'c', resourceVersion: '1' };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'sync.json': encodeSyncAccess(earlier) } };
  kinds.get('v1 ConfigMap')!.store.set('monitoring/default-agent', configMap);
  await run();
  return applied;
}

/** Of `sync.json` in the ConfigMap. */
async function toldAccess(sync: AgentsSync | undefined): Promise<string | undefined> {
  const applied = await appliedWith(sync);
  const { 'sync.json': text } = applied.get('ConfigMap default-agent')!.data as Record<string, string>;
  return text && parseSyncAccess(text).addresses[0];
}

test('agents are told how to reach the operator; while nobody knows, what they were told stays; without sync nothing is', async () => {
  assert.equal(await toldAccess(recordedSync(access)), '10.96.0.9:8443');
  assert.equal(await toldAccess(recordedSync(undefined)), '10.96.0.8:8443');
  assert.equal(await toldAccess(undefined), undefined);
});

test('a strict NetworkPolicy lets agents reach the operator where they are told to', async () => {
  const strict = netExporter((spec) => {
    spec.monitoring.networkPolicy = 'Strict';
  });
  const blocksOf = async (sync: AgentsSync | undefined) => {
    const applied = await appliedWith(sync, strict);
    return JSON.stringify(applied.get('NetworkPolicy default-agent')).match(/10\.96\.[\d./]+/g);
  };
  assert.deepEqual(await blocksOf(recordedSync(access)), ['10.96.0.9/32']);
  assert.deepEqual(await blocksOf(recordedSync(undefined)), ['10.96.0.8/32']);
  assert.equal(await blocksOf(undefined), null);
});

test('sync is given the spec to plan by, then the settings, and has its say in the status', async () => {
  const sync = recordedSync(access);
  const { run, condition } = setUp(netExporter(), undefined, { sync });
  await run();
  assert.deepEqual(sync.told, ['plan default', `settle ${key} 3`]);
  const message = condition('ConfigPropagated')?.message ?? '';
  assert.ok(message.startsWith(`Agents cannot sync with the operator: none of ${key}. Correct that; `), message);
});

test('of a paused resource sync is told nothing, so that its agents go on as before', async () => {
  const resource = netExporter();
  resource.metadata.annotations = { 'net-exporter.dev/paused': 'true' };
  const sync = recordedSync(access);
  await setUp(resource, undefined, { sync }).run();
  assert.deepEqual(sync.told, []);
});

const denial = 'cannot find out whether podmonitors.monitoring.coreos.com is served: forbidden';

test('while the operator may not know of PodMonitors it creates and deletes none, and Ready says so and stays True', async () => {
  const { run, applied, annotated, ready } = setUp(netExporter(), undefined, { unknown: { denial } });
  assert.deepEqual(await run(), {});
  assert.equal(applied.has('PodMonitor default-agent'), false);
  assert.equal(annotated(), true, 'without one, annotations configure scrapes');
  assert.equal(ready()?.status, 'True');
  assert.equal(
    ready()?.message,
    `2 of 2 agents are ready. The operator neither creates nor deletes a PodMonitor: ${denial}. The operator neither creates nor deletes a PrometheusRule: ${denial}.`,
  );
  const without = netExporter((spec) => {
    spec.monitoring.podMonitor = 'None';
    spec.monitoring.prometheusRule = 'None';
  });
  const unwanted = setUp(without, undefined, { unknown: { denial } });
  await unwanted.run();
  assert.deepEqual(unwanted.removed, []);
  assert.equal(unwanted.ready()?.message, '2 of 2 agents are ready.');
});

test('Ready says which fields have no effect without a PodMonitor, and what to do', async () => {
  const scrape = { interval: '30s', timeout: '', metricRelabelings: [] };
  const messageOf = async (
    monitoring: Partial<NetExporter['spec']['monitoring']>,
    more: Parameters<typeof setUp>[2],
  ) => {
    const resource = netExporter((spec) => Object.assign(spec.monitoring, monitoring));
    const { run, ready } = setUp(resource, undefined, more);
    await run();
    assert.equal(ready()?.status, 'True');
    return ready()?.message.replace('2 of 2 agents are ready.', '').trim();
  };
  assert.equal(await messageOf({}, {}), '');
  assert.equal(
    await messageOf({ scrape }, {}),
    'spec.monitoring.scrape has no effect without a PodMonitor. Install the Prometheus Operator, or configure Prometheus instead.',
  );
  assert.equal(
    await messageOf({ podMonitor: 'None', attachNodeMetadata: true, scrape }, { podMonitors: true }),
    'spec.monitoring.attachNodeMetadata and spec.monitoring.scrape have no effect without a PodMonitor. Set spec.monitoring.podMonitor to Auto, or configure Prometheus instead.',
  );
  assert.equal(await messageOf({ attachNodeMetadata: true, scrape }, { podMonitors: true }), '');
});

for (const unknown of [{ denial }, {}])
  test(`while PodMonitors are unknown (${JSON.stringify(unknown)}), agents that had one get no annotations`, async () => {
    const { run, annotated, kinds } = setUp(netExporter(), undefined, { unknown });
    const peers = watched('v1', 'Service');
    peers.metadata.name = 'default-agent-peers';
    const services = kinds.get('v1 Service')!.store;
    services.set('monitoring/default-agent-peers', peers);
    await run();
    assert.equal(annotated(), false);
    peers.metadata.annotations = { 'prometheus.io/scrape': 'true' };
    await run();
    assert.equal(annotated(), true);
  });

test('the first write that times out is in the status before the next object is applied, and the others still are', async () => {
  const timeout = new ApiError('Timeout', 'no response to the write within about 14 s');
  const atFirst: unknown[] = [];
  const { run, applied, statuses, condition } = setUp(netExporter(), (what) => {
    if (what === 'Service default-agent') return timeout;
    if (what === 'DaemonSet default-agent')
      atFirst.push(statuses.length, condition('Reconciling')?.reason, condition('Reconciling')?.message);
    return undefined;
  });
  await assert.rejects(run(), timeout);
  const message =
    'Cannot apply Service default-agent: no response to the write within about 14 s. An admission webhook may be slow. The operator retries.';
  assert.deepEqual(atFirst, [1, 'WriteTimedOut', message]);
  assert.ok(applied.has('DaemonSet default-agent'));
  assert.deepEqual([condition('Reconciling')?.reason, condition('Stalled')?.status], ['WriteTimedOut', 'False']);
});

test('a status that has WriteTimedOut already is written once more in each reconcile, at its end', async () => {
  const resource = netExporter();
  const condition = { type: 'Reconciling', status: 'True', reason: 'WriteTimedOut', message: 'x' } as const;
  resource.status = {
    conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 }],
  };
  const { run, statuses } = setUp(resource, () => new ApiError('Timeout', 'no response'));
  await assert.rejects(run(), { code: 'Timeout' });
  assert.equal(statuses.length, 1);
});

/** What the API server makes of an object while the DaemonSet has these counts; undefined for other objects. */
const withCounts = (counts: () => object) => (what: string) => {
  if (what !== 'DaemonSet default-agent') return undefined;
  const metadata = { name: 'default-agent', namespace: 'monitoring' };
  const made = served({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata }) as unknown as KubeObject;
  const annotations = { 'deprecated.daemonset.template.generation': '2' };
  const object = {
    ...made,
    metadata: { ...made.metadata, annotations },
    status: { ...(made.status as object), ...counts() },
  };
  return { action: 'unchanged', object } as ApplyResult;
};
const quota = {
  metadata: { name: 'e', resourceVersion: '1' },
  note: 'Error creating: pods "default-agent-x7k2p" is forbidden: exceeded quota: pods',
  eventTime: '2026-01-01T00:00:10Z',
};

test('pods that a quota refuses are Stalled after a minute with its own text, and no Event is read before', async () => {
  let counts = { currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0 };
  const { run, clock, listed, condition } = setUp(
    netExporter(),
    withCounts(() => counts),
  );
  listed.items = [quota];
  assert.deepEqual(await run(), { requeueAfterMs: 60_000 });
  assert.deepEqual([condition('Stalled')?.reason, condition('Reconciling')?.reason], ['NoObstacle', 'PodsMissing']);
  clock.advance(59_999);
  await run();
  assert.equal(listed.asked.length, 0);
  clock.advance(1);
  assert.deepEqual(await run(), { requeueAfterMs: 30_000 });
  assert.equal(listed.asked.length, 1);
  assert.equal(condition('Stalled')?.reason, 'PodsRefused');
  assert.match(condition('Stalled')!.message, /pods "default-agent-\*" is forbidden: exceeded quota: pods\. Raise/);
  counts = { currentNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2 };
  assert.deepEqual(await run(), {});
  assert.equal(condition('Ready')?.status, 'True');
});

for (const [what, text] of [
  ['a LimitRange', 'maximum memory usage per Container is 64Mi, but limit is 128Mi'],
  ['the lack of their PriorityClass', 'no PriorityClass with name gold was found'],
] as const)
  test(`pods that ${what} keeps from being created are Stalled after a minute with its text`, async () => {
    const { run, clock, listed, condition } = setUp(
      netExporter(),
      withCounts(() => ({ currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0 })),
    );
    const note = `Error creating: pods "default-agent-x7k2p" is forbidden: ${text}`;
    listed.items = [{ ...quota, note, eventTime: undefined, deprecatedLastTimestamp: quota.eventTime }];
    await run();
    clock.advance(60_000);
    await run();
    const { status, reason, message } = condition('Stalled')!;
    assert.deepEqual([status, reason], ['True', 'PodsRefused']);
    const fact = '2 of 2 agents have no pod, because the API server refuses it';
    assert.ok(message.startsWith(`${fact}: pods "default-agent-*" is forbidden: ${text}. `), message);
  });

test('pods that are refused for a reason that cannot be read are Stalled after ten minutes, and the log says why', async () => {
  const { run, clock, listed, condition } = setUp(
    netExporter(),
    withCounts(() => ({ currentNumberScheduled: 1, updatedNumberScheduled: 1, numberReady: 1 })),
  );
  listed.error = new ApiError('Forbidden', 'events is forbidden');
  const lines: string[] = [];
  const log = {
    warn: (_: unknown, message: string) => lines.push(message),
    debug() {},
    info() {},
  } as unknown as Logger;
  for (let passed = 0; passed < 600_000; ) {
    const { requeueAfterMs = 0 } = await run(log);
    assert.ok(requeueAfterMs > 0 && requeueAfterMs <= 600_000 - passed);
    assert.equal(condition('Reconciling')?.reason, 'PodsMissing');
    clock.advance(requeueAfterMs);
    passed += requeueAfterMs;
  }
  await run(log);
  assert.equal(condition('Stalled')?.reason, 'ProgressDeadlineExceeded');
  assert.match(condition('Stalled')!.message, /^No progress for 10 minutes\. 1 of 2 agents have no pod\./);
  const unread = lines.filter((line) => line !== 'condition changed');
  assert.deepEqual(unread, ['cannot read the Events of the DaemonSet, will retry']);
});

test('a rollout that a dead node blocks names the node, and is Stalled after ten minutes', async () => {
  const { run, clock, pods, nodes, condition } = setUp(
    netExporter(),
    withCounts(() => ({ updatedNumberScheduled: 0, numberReady: 1 })),
  );
  const node = { zone: '', notice: undefined, uid: 'node', bootId: '' };
  nodes.set('/n1', { ...node, name: 'n1', ready: true });
  nodes.set('/n2', { ...node, name: 'n2', ready: false });
  pods.set('monitoring/1', agentPod({ owner: key, controller: 'd1', node: 'n1' }));
  pods.set('monitoring/2', agentPod({ owner: key, controller: 'd1', node: 'n2', ready: false }));
  assert.deepEqual(await run(), { requeueAfterMs: 600_000 });
  assert.equal(condition('Reconciling')?.reason, 'RollingOut');
  clock.advance(600_000);
  assert.deepEqual(await run(), {});
  assert.equal(condition('Stalled')?.reason, 'ProgressDeadlineExceeded');
  assert.match(condition('Stalled')!.message, /1 is on a node that is not ready: n2, and counts against/);
  nodes.set('/n2', { ...node, name: 'n2', ready: true });
  await run();
  assert.match(condition('Stalled')!.message, /\. Not ready: default-agent-1 on n2\. The others are replaced/);
});

test('an agent that crashed is Stalled although it is ready again, until the crash is ten minutes old', async () => {
  const { run, clock, pods, condition } = setUp(netExporter());
  const crashedAt = clock.wall() - 60_000;
  const fault = { reason: 'AgentOOMKilled', message: 'OOMKilled, exit code 137', crashedAt } as const;
  pods.set('monitoring/1', agentPod({ owner: key, controller: 'd1', node: 'n1', fault }));
  assert.deepEqual(await run(), { requeueAfterMs: 540_000 });
  assert.equal(condition('Stalled')?.reason, 'AgentOOMKilled');
  assert.match(condition('Stalled')!.message, /^1 agent exceeded the memory limit: n1 \(OOMKilled/);
  clock.advance(540_000);
  assert.deepEqual(await run(), {});
  assert.equal(condition('Ready')?.status, 'True');
});
