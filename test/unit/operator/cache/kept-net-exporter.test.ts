import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';
import { keptNetExporterOf, leftOutOf, maxSpecBytes } from '../../../../src/operator/cache/kept-net-exporter.ts';
import { memorySize } from '../../../../src/operator/cache/memory-size.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { netExporter } from '../net-exporter-builder.ts';

/** A NetExporter as the API server gives it, with another spec or status. */
function stored(parts: object): KubeObject {
  return { ...netExporter(), ...parts } as unknown as KubeObject;
}

const affinityTo = (count: number) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        {
          matchExpressions: [
            {
              ...{ key: 'kubernetes.io/hostname', operator: 'In' },
              values: Array.from({ length: count }, (_, n) => `worker-${n}.example`),
            },
          ],
        },
      ],
    },
  },
});

test('a spec with an affinity to 2,500 nodes and 64 long names is kept as it is', () => {
  const hosts = Array.from({ length: 64 }, (_, n) => `${n}.${'x'.repeat(60)}.example.com.`);
  const spec = { ...defaultSpec(), agent: { ...defaultSpec().agent, affinity: affinityTo(2500) } };
  const resource = stored({ spec: { ...spec, dns: { ...spec.dns, hosts } } });
  const kept = keptNetExporterOf(resource);
  assert.deepEqual(kept.spec, resource.spec);
  assert.deepEqual(leftOutOf(kept), []);
});

for (const [field, agent] of [
  ['affinity', { affinity: { nodeAffinity: { text: 'x'.repeat(1_500_000) } } }],
  ['affinity', { affinity: { podAffinity: { lists: Array(20_000).fill([]) } } }],
  ['affinity', { affinity: affinityTo(10_000) }],
  ['tolerations', { tolerations: [{ operator: 'Exists', unknown: 'x'.repeat(1_500_000) }] }],
  ['resources', { resources: { requests: { [`example.com/${'x'.repeat(1_500_000)}`]: '1' } } }],
  [
    'podAnnotations',
    { podAnnotations: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [n, 'x'.repeat(4096)])) },
  ],
] as [string, object][])
  test(`of a spec that is too large because of ${field}, only that field is left out, and named`, () => {
    const kept = keptNetExporterOf(
      stored({ spec: { agent: { ...agent, port: 9000 }, dns: { hosts: ['a.example.'] } } }),
    );
    assert.deepEqual(
      leftOutOf(kept).map(({ path }) => path),
      [`spec.agent.${field}`],
    );
    assert.ok(memorySize(kept) < 20_000, `${memorySize(kept)}`);
    const { spec } = kept;
    assert.deepEqual([spec.agent.port, spec.dns.hosts], [9000, ['a.example.']]);
    assert.deepEqual(spec.agent[field as 'affinity'], defaultSpec().agent[field as 'affinity'], 'the default');
  });

test('of several large fields as many are left out as needed', () => {
  const large = { nodeAffinity: { text: 'x'.repeat(200_000) } };
  const tolerations = [{ operator: 'Exists', unknown: 'x'.repeat(100_000) }];
  const podAnnotations = { note: 'x'.repeat(60_000) };
  const kept = keptNetExporterOf(stored({ spec: { agent: { affinity: large, tolerations, podAnnotations } } }));
  assert.deepEqual(
    leftOutOf(kept).map(({ path, bytes }) => [path, bytes >= 100_000]),
    [
      ['spec.agent.affinity', true],
      ['spec.agent.tolerations', true],
    ],
  );
  assert.deepEqual(kept.spec.agent.podAnnotations, podAnnotations);
});

test('a spec that is larger than the limit by a byte is never kept whole', () => {
  const specOf = (length: number) => ({ agent: { affinity: { nodeAffinity: { text: 'x'.repeat(length) } } } });
  const largest = maxSpecBytes - memorySize(specOf(0));
  assert.deepEqual(leftOutOf(keptNetExporterOf(stored({ spec: specOf(largest) }))), []);
  assert.deepEqual(
    leftOutOf(keptNetExporterOf(stored({ spec: specOf(largest + 1) }))).map(({ path }) => path),
    ['spec.agent.affinity'],
  );
});

test('of a status only what the operator may have written is kept', () => {
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: 't', reason: 'AgentsReady', message: 'x' };
  const agents = { desired: 1, ready: 1, summary: '1/1' };
  const status = { observedGeneration: 3, agents, conditions: [{ ...condition, message: 'y'.repeat(1000) }] };
  assert.deepEqual(keptNetExporterOf(stored({ status })).status, status, 'the longest message');
  const forged = { ...condition, type: 'Other', message: 'z'.repeat(32_768) };
  const grown = { ...status, conditions: [...status.conditions, forged], other: 'z'.repeat(100_000) };
  assert.deepEqual(keptNetExporterOf(stored({ status: grown })).status, status);
});

test('of the suspects in a status those are kept that the operator may have written', () => {
  const suspect = {
    ...{ kind: 'Link', name: 'x'.repeat(253), reason: 'Loss', since: '2026-01-01T00:00:00Z' },
    evidence: 'y'.repeat(1000),
  };
  const suspects = Array.from({ length: 20 }, (_, index) => ({ ...suspect, name: `${suspect.name.slice(4)}${index}` }));
  assert.deepEqual(keptNetExporterOf(stored({ status: { suspects } })).status, { suspects }, 'the longest ones');
  const forged = [...suspects, { ...suspect, evidence: 'z'.repeat(100_000) }, ...suspects];
  assert.deepEqual(keptNetExporterOf(stored({ status: { suspects: forged } })).status, { suspects });
  assert.deepEqual(keptNetExporterOf(stored({ status: { suspects: 'x' } })).status, {});
});

test('of the annotations only the one that pauses is kept, and not more of it than can be quoted', () => {
  const kept = (annotations: Record<string, string>) => {
    const { metadata, ...rest } = stored({});
    return keptNetExporterOf({ ...rest, metadata: { ...metadata, annotations } } as KubeObject).metadata.annotations;
  };
  assert.deepEqual(kept({ other: 'x', 'net-exporter.dev/paused': 'true' }), { 'net-exporter.dev/paused': 'true' });
  assert.deepEqual(kept({ 'net-exporter.dev/paused': 'y'.repeat(1e6) }), { 'net-exporter.dev/paused': 'y'.repeat(20) });
  assert.equal(kept({ other: 'x' }), undefined);
});
