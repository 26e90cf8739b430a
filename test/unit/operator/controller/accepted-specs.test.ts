import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type NetExporter, type NetExporterSpec, NetExporterSpecSchema } from '../../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../../src/crd/schema-node.ts';
import type { NetExporterStatus } from '../../../../src/crd/status.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { schemaFields } from '../../crd/schema-fields.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { reconcileInMemory } from './reconcile-in-memory.ts';

const longRefusal = new ApiError('Invalid', `DaemonSet is invalid: ${'x'.repeat(40_000)}`, { status: 422 });

const stalledBy = (status: NetExporterStatus | undefined) =>
  status?.conditions?.find(({ type, status: holds }) => type === 'Stalled' && holds === 'True')?.reason;

/** Keys that mean something to Kubernetes, to this operator, to cdk8s or to JavaScript. */
const keys = fc.oneof(
  fc.constantFrom(
    ...['requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms', 'matchExpressions', 'matchFields'],
    ...['constructor', 'toString', 'hasOwnProperty', 'toJSON', 'resolve', 'value', 'length', 'name'],
    ...['containers', 'env', 'ports', 'volumes', 'selector', 'matchLabels', 'requests', 'ownerReferences'],
  ),
  fc.constant('__proto__'),
  fc.string(),
);
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string(),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    objectOf(tie('value')),
  ),
}));

/** Objects as JSON.parse makes them: `__proto__` is a key like any other. */
function objectOf(values: fc.Arbitrary<unknown>, names = keys) {
  return fc
    .array(fc.tuple(names, values), { maxLength: 4 })
    .map(
      (entries) =>
        JSON.parse(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join()}}`) as Record<
          string,
          never
        >,
    );
}

/** The fields as Kubernetes knows them down to some level, and anything below. */
const fields = (name: string, inner: fc.Arbitrary<unknown>) =>
  fc.oneof(
    json,
    fc.tuple(objectOf(json), inner).map(([others, value]) => ({ ...others, [name]: value })),
  );
const terms = fields('matchExpressions', fc.oneof(json, fc.array(json, { maxLength: 2 })));
const required = fields('nodeSelectorTerms', fc.oneof(json, fc.array(terms, { minLength: 1, maxLength: 2 })));
const nodeAffinity = required.map((value) => ({ requiredDuringSchedulingIgnoredDuringExecution: value }));

const labelKeys = fc.constantFrom('constructor', 'toString', 'resolve', 'value', 'example.com/team', 'a');
const labels = objectOf(fc.constantFrom('', 'x', '5', 'true'), labelKeys);
const quantities = objectOf(
  fc.constantFrom<string | number>(5, 0, '5', '100m', '1e3', '12E', '1Ei', '.5', '+5', '64Mi'),
  fc.constantFrom('cpu', 'memory', 'constructor', 'toString', 'example.com/gpu'),
);
const toleration = fc
  .tuple(objectOf(json), fc.option(fc.integer(), { nil: undefined }))
  .map(([unknown, tolerationSeconds]) => {
    const { key: _, value: __, effect: ___, ...rest } = unknown;
    return { ...rest, operator: 'Exists', ...(tolerationSeconds !== undefined && { tolerationSeconds }) };
  });

const specs = fc.record({
  affinity: fc.record(
    {
      nodeAffinity: fc.oneof(objectOf(json), nodeAffinity),
      podAffinity: objectOf(json),
      podAntiAffinity: objectOf(json),
    },
    { requiredKeys: [] },
  ),
  tolerations: fc.array(toleration, { maxLength: 3 }),
  resources: fc.record({ requests: quantities, limits: quantities }, { requiredKeys: [] }),
  podLabels: labels,
  podAnnotations: labels,
  nodeSelector: labels,
  monitorLabels: labels,
  maxUnavailable: fc.constantFrom<string | number>(1, 100_000, '1%', '100%'),
});

function withParts({ monitorLabels, ...agent }: Record<string, unknown>): NetExporter {
  return netExporter((spec) => {
    Object.assign(spec.agent, agent);
    spec.monitoring.labels = monitorLabels as NetExporterSpec['monitoring']['labels'];
  });
}

test('these are the parts of a spec that the schema leaves open', () => {
  const open = schemaFields(NetExporterSpecSchema as unknown as SchemaNode)
    .filter(({ node }) => node['x-kubernetes-preserve-unknown-fields'] || (node.type === 'object' && !node.properties))
    .map(({ path }) => path);
  assert.deepEqual(open.sort(), [
    'agent.affinity.nodeAffinity',
    'agent.affinity.podAffinity',
    'agent.affinity.podAntiAffinity',
    'agent.nodeSelector',
    'agent.podAnnotations',
    'agent.podLabels',
    'agent.resources.limits',
    'agent.resources.requests',
    'agent.tolerations[]',
    'monitoring.labels',
  ]);
});

test('whatever the schema accepts in its open parts is reconciled', async () => {
  await fc.assert(
    fc.asyncProperty(specs, fc.boolean(), async (parts, refuses) => {
      const { run, statuses } = reconcileInMemory(withParts(parts), refuses ? longRefusal : undefined);
      // The second one compares what the first one created.
      for (let attempt = 0; attempt < 2; attempt++) await run();
      assert.equal(statuses.length, 2);
      assert.equal(stalledBy(statuses.at(-1)), refuses ? 'ApplyRejected' : undefined);
      for (const { message } of statuses.at(-1)!.conditions!) assert.ok(message.length <= 1000);
    }),
    { numRuns: 100 },
  );
});

test('what is nested too deeply for JavaScript ends in a condition', async () => {
  const depth = 20_000;
  const podAffinity = JSON.parse(`${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`) as object;
  const { run, statuses } = reconcileInMemory(withParts({ affinity: { podAffinity }, monitorLabels: {} }));
  await assert.rejects(run(), RangeError);
  assert.equal(stalledBy(statuses.at(-1)), 'ReconcileFailed');
});
