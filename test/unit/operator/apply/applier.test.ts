import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Applier } from '../../../../src/operator/apply/applier.ts';
import { type DeclaredObject, stamped } from '../../../../src/operator/apply/apply-plan.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject, ObjectMeta } from '../../../../src/operator/kube/kube-object.ts';
import { Store } from '../../../../src/operator/kube/store.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const owner = { kind: 'NetExporter', name: 'default', uid: 'u1' };
const reference = { apiVersion: 'net-exporter.dev/v1alpha1', controller: true, ...owner };

function declared(data: object = { x: '1' }): DeclaredObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'n', ownerReferences: [reference] },
    data,
  };
}

function stored(data: object = { x: '1' }, metadata: Partial<ObjectMeta> = {}): KubeObject {
  const object = stamped(declared(data));
  const served = { uid: 'o1', resourceVersion: '10', ...metadata };
  return { ...object, metadata: { ...object.metadata, ...served } } as unknown as KubeObject;
}

/** An API server that knows one object, keeps what is written to it, and writes every call down. */
function setUp(live: KubeObject | undefined, rewrite: (object: KubeObject) => KubeObject = (object) => object) {
  const calls: [string, unknown?][] = [];
  const store = new Store<KubeObject>();
  let version = 10;
  const keep = (object: object): KubeObject => {
    const given = object as KubeObject;
    const metadata = { ...given.metadata, uid: 'o1', resourceVersion: String(++version) };
    return rewrite({ ...given, metadata });
  };
  const client = {
    get: async () => {
      calls.push(['get']);
      if (!live) throw new ApiError('NotFound', 'no such object');
      return live;
    },
    create: async (_resource: unknown, _namespace: string, object: object) => {
      calls.push(['create', object]);
      return keep(object);
    },
    apply: async (_resource: unknown, _place: unknown, object: object) => {
      calls.push(['apply', object]);
      return keep(object);
    },
    mergePatch: async (_resource: unknown, _place: unknown, patch: object) => {
      calls.push(['merge', patch]);
      return live!;
    },
    delete: async (_resource: unknown, _place: unknown, uid: string) => void calls.push(['delete', uid]),
  };
  const applier = new Applier(client, 'us');
  const apply = (data?: object) => applier.apply(declared(data), { resource, store }, owner);
  return { calls, store, applier, client, apply, names: () => calls.map(([name]) => name) };
}

test('what is nowhere is looked up and created', async () => {
  const { apply, calls, names } = setUp(undefined);
  assert.equal((await apply()).action, 'created');
  assert.deepEqual(names(), ['get', 'create']);
  assert.deepEqual(calls[1]![1], stamped(declared()));
});

test('what the watch shows as declared costs no request', async () => {
  const { apply, store, calls } = setUp(undefined);
  store.set('n/a', stored());
  assert.equal((await apply()).action, 'unchanged');
  assert.deepEqual(calls, []);
});

test('drift is mended by an apply with the uid of the object that was looked at', async () => {
  const { apply, store, calls } = setUp(undefined);
  store.set('n/a', { ...stored(), data: { x: '2' } });
  const result = await apply();
  assert.deepEqual(result.action === 'updated' && result.drift, ['data.x']);
  const [[name, sent]] = calls as [[string, KubeObject]];
  assert.deepEqual([name, sent.metadata.uid, sent.data], ['apply', 'o1', { x: '1' }]);
});

test('what was created by POST becomes applied before the first apply, so that fields can be taken back', async () => {
  const { apply, store, calls, names } = setUp(stored());
  const entry = { manager: 'us', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} } as const;
  store.set('n/a', stored({ x: '1', y: '2' }, { managedFields: [entry] }));
  await apply();
  assert.deepEqual(names(), ['merge', 'apply']);
  assert.deepEqual(calls[0]![1], {
    metadata: { uid: 'o1', resourceVersion: '10', managedFields: [{ ...entry, operation: 'Apply' }] },
  });
});

test('someone else’s is left alone, and so is what is being deleted', async () => {
  const foreign = setUp(stored({}, { ownerReferences: [] }));
  assert.equal((await foreign.apply()).action, 'left');
  assert.deepEqual(foreign.names(), ['get']);
  const going = setUp(stored({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  assert.equal((await going.apply()).action, 'waiting');
  assert.deepEqual(going.names(), ['get']);
});

test('ours that has lost our label is found and mended', async () => {
  const { apply, names } = setUp({ ...stored(), data: {} });
  assert.equal((await apply()).action, 'updated');
  assert.deepEqual(names(), ['get', 'apply']);
});

test('while the watch lags behind our write, nothing is written again', async () => {
  const { apply, store, names } = setUp(undefined);
  store.set('n/a', { ...stored(), data: { x: '2' } });
  await apply();
  assert.equal((await apply()).action, 'unchanged');
  store.set('n/a', { ...stored({ x: '1' }, { resourceVersion: '12' }), data: { x: '3' } });
  assert.equal((await apply()).action, 'updated');
  assert.deepEqual(names(), ['apply', 'apply']);
});

test('what the API server writes in another way is applied once, not for ever', async () => {
  const rewrite = (object: KubeObject) => ({ ...object, data: { x: 'ONE' } });
  const { apply, store, names } = setUp(undefined, rewrite);
  const served = { ...stored({ x: 'one' }), data: { x: 'ONE' } };
  store.set('n/a', served);
  assert.equal((await apply({ x: 'one' })).action, 'updated');
  store.set('n/a', { ...served, metadata: { ...served.metadata, resourceVersion: '30' } });
  assert.equal((await apply({ x: 'one' })).action, 'unchanged');
  store.set('n/a', { ...served, data: { x: 'two' }, metadata: { ...served.metadata, resourceVersion: '31' } });
  assert.equal((await apply({ x: 'one' })).action, 'updated');
  assert.deepEqual(names(), ['apply', 'apply']);
});

test('only ours is removed, by its uid, and only once', async () => {
  const { applier, store, calls } = setUp(undefined);
  const remove = () => applier.remove('n/a', { resource, store }, owner);
  assert.equal(await remove(), false);
  store.set('n/a', stored({}, { ownerReferences: [] }));
  assert.equal(await remove(), false);
  store.set('n/a', stored({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  assert.equal(await remove(), false);
  assert.deepEqual(calls, []);
  store.set('n/a', stored());
  assert.equal(await remove(), true);
  assert.deepEqual(calls, [['delete', 'o1']]);
});

test('a list in which an item of ours was replaced by one that ours cannot stand beside becomes ours as a whole', async () => {
  const ports = [{ name: 'metrics', port: 8000, protocol: 'TCP', targetPort: 'metrics' }];
  const service = { ...declared(), kind: 'Service', spec: { ports, type: 'ClusterIP' } };
  const { calls, store, applier, client } = setUp(undefined);
  const observed = { ...stored(), kind: 'Service', spec: { ports: [{ ...ports[0], port: 9999 }], type: 'ClusterIP' } };
  store.set('n/a', observed);
  const { apply } = client;
  client.apply = async (...parameters) => {
    const patched = calls.some(([name]) => name === 'merge');
    if (!patched) throw new ApiError('Invalid', 'spec.ports[1].name: Duplicate value: "metrics"');
    return apply(...parameters);
  };
  assert.equal((await applier.apply(service, { resource, store }, owner)).action, 'updated');
  assert.deepEqual(calls[0], ['merge', { metadata: { uid: 'o1' }, spec: { ports } }]);
  assert.equal(calls.at(-1)![0], 'apply');
});

test('an object that the API server refuses for another reason is not touched', async () => {
  const { calls, store, apply, client } = setUp(undefined);
  store.set('n/a', { ...stored(), data: { x: '2' } });
  client.apply = async () => {
    throw new ApiError('Invalid', 'no');
  };
  await assert.rejects(apply(), { code: 'Invalid' });
  assert.deepEqual(calls, []);
});
