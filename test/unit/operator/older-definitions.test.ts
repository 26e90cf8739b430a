import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { type NetExporter, type NetExporterSpec, NetExporterSpecSchema } from '../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { NetExporterStatusSchema } from '../../../src/crd/status.ts';
import { withDefaults } from '../../../src/crd/with-defaults.ts';
import type { AgentPod } from '../../../src/operator/agents/agent-pod.ts';
import { Fleet } from '../../../src/operator/agents/fleet.ts';
import { settingsOf } from '../../../src/operator/agents/settings-of.ts';
import { keyOf } from '../../../src/operator/kube/kube-object.ts';
import { schemaFields } from '../crd/schema-fields.ts';
import { FakeClock } from '../fake-clock.ts';
import { agentPod } from './agent-pod-builder.ts';
import { reconcileInMemory } from './controller/reconcile-in-memory.ts';
import { netExporter } from './net-exporter-builder.ts';
import { CountedDrops } from './reports/counted-drops.ts';

/** A spec of which no field is as it is by default. */
const spec: NetExporterSpec = {
  agent: {
    image: 'example.com/agent:1',
    imagePullPolicy: 'Always',
    imagePullSecrets: [{ name: 'registry' }],
    port: 9000,
    resources: { limits: { memory: '99Mi' } },
    nodeSelector: { pool: 'a' },
    tolerations: [],
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [] } },
    priorityClassName: '',
    maxUnavailable: 2,
    podLabels: { team: 'network' },
    podAnnotations: { note: 'x' },
  },
  dns: {
    enabled: false,
    hosts: ['example.com.'],
    protocols: ['TCP'],
    recordTypes: ['AAAA'],
    servers: ['192.0.2.1:5353'],
    service: { namespace: 'dns', name: 'resolver' },
    endpointsPerAgent: 1,
    interval: '20s',
    timeout: '2s',
  },
  network: {
    enabled: false,
    peersPerAgent: 1,
    protocols: ['TCP', 'UDP'],
    udp: { packets: 5, size: 128 },
    service: false,
    interval: '20s',
    timeout: '2s',
  },
  ntp: { enabled: true, servers: ['192.0.2.2'], interval: '120s', timeout: '2s' },
  health: { failureRatio: '0.5', latency: { dns: '1s', network: '1s' }, window: '5m', nodeEvents: true },
  monitoring: {
    podMonitor: 'None',
    prometheusRule: 'None',
    labels: { release: 'prometheus' },
    attachNodeMetadata: true,
    scrape: {
      interval: '30s',
      timeout: '10s',
      metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'nodejs_.*' }],
    },
    networkPolicy: 'Strict',
  },
};

const schema = NetExporterSpecSchema as unknown as SchemaNode;
const defaults = schemaFields(schema).filter(({ path, node }) => path !== '' && node.default !== undefined);

const stored = (content: unknown): NetExporter => ({ ...netExporter(), spec: structuredClone(content) as never });

const parentOf = (object: unknown, names: readonly string[]) =>
  names.reduce<unknown>((parent, name) => (parent as Record<string, unknown> | undefined)?.[name], object) as
    | Record<string, unknown>
    | undefined;

/** The same, but that everything is probed: what is not would hide the other fields of its part. */
const probing = { ...spec, dns: { ...spec.dns, enabled: true }, network: { ...spec.network, enabled: true } };

/** A spec without these fields, and the same with their defaults in their place. */
function without(paths: readonly string[], from: NetExporterSpec): { lacking: unknown; whole: unknown } {
  const [lacking, whole] = [structuredClone(from), structuredClone(from)];
  // Those of objects before those of their fields.
  for (const path of [...paths].sort()) {
    const names = path.split('.');
    const field = names.pop()!;
    delete parentOf(lacking, names)?.[field];
    const { node } = defaults.find((each) => each.path === path)!;
    parentOf(whole, names)![field] = structuredClone(node.default);
  }
  return { lacking, whole };
}

/** Who probes whom among four nodes in two zones, and what each agent is sent. */
function planOf(resource: NetExporter): unknown {
  const numbers = [1, 2, 3, 4];
  const pods = numbers.map((number): AgentPod => {
    const [uid, node] = [`p${number}`, `n${number}`];
    return agentPod({ uid, name: uid, node, addresses: [`10.0.0.${number}`] });
  });
  const queue = { add: () => {}, addAfter: () => {} };
  const fleet = new Fleet({
    pods: { update: () => {}, of: () => pods },
    nodeOf: (name) => ({
      name,
      zone: `z${Number(name.slice(1)) % 2}`,
      ready: true,
      notice: undefined,
      uid: 'node',
      bootId: 'b',
    }),
    dnsServersOf: ({ spec: { dns } }) => [1, 2, 3].map((number) => `10.1.0.${number}:${dns.service.name.length + 53}`),
    dnsServiceFaultOf: ({ spec: { dns } }) => (dns.service.name === '' ? undefined : 'missing'),
    plans: queue,
    figures: queue,
    judgements: queue,
    holdMsOf: () => 15_000,
    clock: new FakeClock(),
    wake: () => {},
    onFigures: () => {},
    drops: new CountedDrops(),
  });
  const key = keyOf(resource);
  fleet.lead(1, [resource]);
  fleet.plan(resource);
  fleet.settle(key, settingsOf(resource, ['10.96.0.7']));
  fleet.replan(key);
  fleet.compareFigures(key);
  const answers = pods.map(({ uid }) => fleet.answerFor({ resource: key, podUid: uid, pod: uid, node: '' }, {}));
  return [answers, fleet.propagationOf(key), fleet.dnsServices(), fleet.faultOf(key)];
}

/** All that the operator makes of a NetExporter: objects with the settings, status and plan. */
async function resultOf(resource: NetExporter): Promise<unknown> {
  const { run, statuses, objects } = reconcileInMemory(resource);
  // The second time it compares what it has made.
  for (let attempt = 0; attempt < 2; attempt++) await run();
  return { objects: objects(), statuses, plan: planOf(resource) };
}

async function assertSame(paths: readonly string[]): Promise<void> {
  for (const from of [spec, probing]) {
    const { lacking, whole } = without(paths, from);
    assert.deepEqual(await resultOf(withDefaults(stored(lacking))), await resultOf(stored(whole)), paths.join());
  }
}

test('no field of the spec here is as it is by default', () => {
  assert.ok(Check(NetExporterSpecSchema as never, spec));
  assert.ok(defaults.length > 40, `${defaults.length} fields`);
  for (const { path, node } of defaults) {
    const value = parentOf(spec, path.split('.'));
    assert.notDeepEqual(value, node.default, path);
  }
});

for (const { path } of defaults)
  test(`a NetExporter without spec.${path}, which an older definition does not have, is served by the default`, () =>
    assertSame([path]));

test('a NetExporter of which an older definition has several fields, or none, is served by the defaults of the others', async () => {
  const paths = defaults.map(({ path }) => path);
  await assertSame(paths);
  await fc.assert(
    fc.asyncProperty(fc.subarray(paths), (chosen) => assertSame(chosen)),
    { numRuns: 30 },
  );
});

test('a status that lacks what an older definition does not have is replaced', async () => {
  const resource = stored(spec);
  const [first] = ((await resultOf(resource)) as { statuses: NetExporter['status'][] }).statuses;
  const expected = await resultOf({ ...resource, status: first! });
  const fields = schemaFields(NetExporterStatusSchema as unknown as SchemaNode).filter(({ path }) => path !== '');
  const removable = fields.filter(({ path }) => !path.includes('[]'));
  assert.ok(removable.length > 5);
  for (const { path } of removable) {
    const names = path.split('.');
    const field = names.pop()!;
    const status = structuredClone(first!);
    delete parentOf(status, names)?.[field];
    const { statuses } = (await resultOf({ ...resource, status })) as { statuses: NetExporter['status'][] };
    assert.deepEqual(untimed(statuses.at(-1)), untimed((expected as { statuses: (typeof first)[] }).statuses.at(-1)));
  }
});

/** Without when conditions changed: of conditions that were lost that is not known. */
function untimed(status: NetExporter['status']): unknown {
  return { ...status, conditions: status?.conditions?.map((condition) => ({ ...condition, lastTransitionTime: '' })) };
}
