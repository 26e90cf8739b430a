import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { driftOf } from '../../../../src/operator/apply/drift.ts';

const same: [string, unknown, unknown][] = [
  ['what the API server filled in', { spec: { a: 1 } }, { spec: { a: 1, restartPolicy: 'Always' }, status: {} }],
  [
    'an annotation that someone added',
    { metadata: { annotations: { a: '1' } } },
    { metadata: { annotations: { a: '1', b: '2' } } },
  ],
  [
    'a container that someone injected',
    { containers: [{ name: 'agent', image: 'x' }] },
    { containers: [{ name: 'proxy' }, { name: 'agent', image: 'x', terminationMessagePath: '/dev/log' }] },
  ],
  [
    'variables in another order, with one more',
    { env: [{ name: 'A', value: '1' }] },
    { env: [{ name: 'B' }, { name: 'A', value: '1' }] },
  ],
  [
    'a node port that the API server chose',
    { ports: [{ name: 'm', port: 80, protocol: 'TCP', targetPort: 'm' }] },
    { ports: [{ name: 'm', port: 80, protocol: 'TCP', targetPort: 'm', nodePort: 30_000 }] },
  ],
  [
    'an empty text that Go leaves out',
    { tolerations: [{ key: '', operator: 'Exists' }] },
    { tolerations: [{ operator: 'Exists' }] },
  ],
  ['an empty map that Go leaves out', { nodeSelector: {}, list: [], nothing: null }, {}],
  [
    'cpu in another notation',
    { requests: { cpu: '0.1', memory: '0.5Gi' } },
    { requests: { cpu: '100m', memory: '512Mi' } },
  ],
  ['cpu as a number', { limits: { cpu: 1 } }, { limits: { cpu: '1' } }],
  ['a size in another notation', { emptyDir: { sizeLimit: '8192Ki' } }, { emptyDir: { sizeLimit: '8Mi' } }],
  [
    'another owner beside ours',
    { ownerReferences: [{ uid: 'u', controller: true }] },
    { ownerReferences: [{ uid: 'v' }, { uid: 'u', controller: true }] },
  ],
];

const different: [string, unknown, unknown, string[]][] = [
  ['a value', { spec: { replicas: 1 } }, { spec: { replicas: 2 } }, ['spec.replicas']],
  ['a field that is gone', { data: { a: 'x', b: 'y' } }, { data: { a: 'x' } }, ['data.b']],
  [
    'false that is gone, since absent may mean true',
    { automountServiceAccountToken: false },
    {},
    ['automountServiceAccountToken'],
  ],
  ['0 that is gone', { a: 0 }, {}, ['a']],
  ['an object that is gone', { spec: { a: 1 } }, {}, ['spec']],
  [
    'a label that someone added to a selector, which then selects nothing',
    { spec: { selector: { app: 'agent' } } },
    { spec: { selector: { app: 'agent', stray: 'yes' } } },
    ['spec.selector'],
  ],
  [
    'an expression that someone added beside the labels of a selector',
    { spec: { podSelector: { matchLabels: { app: 'agent' } } } },
    { spec: { podSelector: { matchLabels: { app: 'agent' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] } } },
    ['spec.podSelector'],
  ],
  ['a list in place of an object', { spec: { a: 1 } }, { spec: [] }, ['spec']],
  [
    'the image of a container',
    { containers: [{ name: 'agent', image: 'x' }] },
    { containers: [{ name: 'agent', image: 'y' }] },
    ['containers[agent].image'],
  ],
  [
    'a container that is gone',
    { containers: [{ name: 'agent', image: 'x' }] },
    { containers: [{ name: 'other' }] },
    ['containers[agent]'],
  ],
  [
    'a port of a container',
    { ports: [{ containerPort: 80, protocol: 'TCP', name: 'm' }] },
    { ports: [{ containerPort: 80, protocol: 'TCP', name: 'n' }] },
    ['ports[80/TCP].name'],
  ],
  [
    'an item more in an atomic list',
    { tolerations: [{ operator: 'Exists' }] },
    { tolerations: [{ operator: 'Exists' }, { key: 'a' }] },
    ['tolerations'],
  ],
  [
    'an item of an atomic list',
    { tolerations: [{ key: 'a' }] },
    { tolerations: [{ key: 'b' }] },
    ['tolerations[0].key'],
  ],
  [
    'a port of a NetworkPolicy',
    { ingress: [{ ports: [{ port: 8000, protocol: 'TCP' }] }] },
    { ingress: [{ ports: [{ port: 9000, protocol: 'TCP' }] }] },
    ['ingress[0].ports[0].port'],
  ],
  ['cpu', { requests: { cpu: '10m' } }, { requests: { cpu: '11m' } }, ['requests.cpu']],
  ['text that looks like an amount elsewhere', { data: { cpu: '0.1' } }, { data: { cpu: '100m' } }, ['data.cpu']],
];

describe('no drift:', () => {
  for (const [what, declared, observed] of same) test(what, () => assert.deepEqual(driftOf(declared, observed), []));
});

describe('drift:', () => {
  for (const [what, declared, observed, paths] of different)
    test(what, () => assert.deepEqual(driftOf(declared, observed), paths));
});

test('an object holds what it declares itself', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (object) =>
      assert.deepEqual(driftOf(object, structuredClone(object)), []),
    ),
  );
});

test('a changed value is found at whatever depth', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 6 }), (path) => {
      const nest = (value: unknown) => path.reduceRight((inside, name) => ({ [name]: inside }), value);
      assert.deepEqual(driftOf(nest('declared'), nest('other')), [path.join('.')]);
    }),
  );
});
