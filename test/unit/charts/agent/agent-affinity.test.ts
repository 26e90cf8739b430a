import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutVirtualNodes } from '../../../../charts/agent/agent-affinity.ts';

const exclusion = [
  { key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] },
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

test('a term that matches no node goes on to match none', () => {
  const affinity = { nodeAffinity: { [required]: { nodeSelectorTerms: [{}, { matchExpressions: [] }] } } };
  assert.deepEqual(withoutVirtualNodes(affinity), affinity);
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
