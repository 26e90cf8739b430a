import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutVirtualNodes } from '../../../../charts/agent/agent-affinity.ts';

const exclusion = [
  { key: 'type', operator: 'NotIn', values: ['virtual-kubelet', 'kwok'] },
  { key: 'virtual-kubelet.io/provider', operator: 'DoesNotExist' },
  { key: 'liqo.io/type', operator: 'NotIn', values: ['virtual-node'] },
  { key: 'eks.amazonaws.com/compute-type', operator: 'NotIn', values: ['fargate'] },
];
const required = 'requiredDuringSchedulingIgnoredDuringExecution';

test('without an affinity virtual nodes are excluded', () => {
  assert.deepEqual(withoutVirtualNodes({}), {
    nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions: exclusion }] } },
  });
});

test('terms are alternatives: each excludes virtual nodes besides what it says', () => {
  const own = { key: 'disk', operator: 'In', values: ['ssd'] };
  const fields = [{ key: 'metadata.name', operator: 'In', values: ['n1'] }];
  const affinity = {
    nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions: [own] }, { matchFields: fields }] } },
  };
  assert.deepEqual(withoutVirtualNodes(affinity), {
    nodeAffinity: {
      [required]: {
        nodeSelectorTerms: [
          { matchExpressions: [own, ...exclusion] },
          { matchFields: fields, matchExpressions: exclusion },
        ],
      },
    },
  });
});

test('a term that matches no node still matches none', () => {
  const terms = [{}, { matchExpressions: [] }, { matchExpressions: null }, null];
  const affinity = { nodeAffinity: { [required]: { nodeSelectorTerms: terms } } };
  assert.deepEqual(withoutVirtualNodes(affinity), affinity);
});

for (const odd of [5, 'text', true, {}])
  test(`a part of the wrong type, ${JSON.stringify(odd)}, is passed on to the API server`, () => {
    for (const nodeAffinity of [
      { [required]: { nodeSelectorTerms: [{ matchExpressions: odd }] } },
      { [required]: { nodeSelectorTerms: odd } },
      ...(typeof odd === 'object' ? [] : [{ [required]: { nodeSelectorTerms: [odd] } }, { [required]: odd }]),
    ])
      assert.deepEqual(withoutVirtualNodes({ nodeAffinity }), { nodeAffinity });
  });

test('null stands for an absent part', () => {
  for (const nodeAffinity of [null, { [required]: null }, { [required]: { nodeSelectorTerms: null } }])
    assert.deepEqual(withoutVirtualNodes({ nodeAffinity }), withoutVirtualNodes({}));
});

test('everything else of the affinity stays, and the given one is not changed', () => {
  const affinity = {
    podAffinity: { a: 1 },
    nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] },
  };
  const given = structuredClone(affinity);
  const merged = withoutVirtualNodes(affinity) as typeof affinity;
  assert.deepEqual(affinity, given);
  assert.deepEqual(merged.podAffinity, { a: 1 });
  assert.deepEqual(merged.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution, [{ weight: 1 }]);
});
