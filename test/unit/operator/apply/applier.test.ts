import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Applier } from '../../../../src/operator/apply/applier.ts';
import { stamped } from '../../../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../../../src/operator/apply/declared-object.ts';
import { boundedChildOf, childObjectOf } from '../../../../src/operator/cache/child-object.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject, ObjectMeta } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock } from '../../fake-clock.ts';
import { testWithEachWallClock } from '../../wall-clocks.ts';
import { heapUsed } from '../heap.ts';
import { owner, reference } from './owner.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const owners = { group: 'net-exporter.dev', version: 'v1alpha1', kind: 'NetExporter', plural: 'netexporters' };

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
function setUp(
  live: KubeObject | undefined,
  rewrite: (object: KubeObject) => KubeObject = (object) => object,
  liveOwner: object | 'gone' = { metadata: { uid: 'u1' } },
  clock = new FakeClock(),
) {
  const calls: [string, unknown?][] = [];
  const store = new Store<KubeObject>();
  let version = 10;
  const keep = (object: object): KubeObject => {
    const given = object as KubeObject;
    const metadata = { ...given.metadata, uid: 'o1', resourceVersion: String(++version) };
    return rewrite({ ...given, metadata });
  };
  const client = {
    get: async (of: unknown) => {
      if (of === owners) {
        calls.push(['get owner']);
        return liveOwner === 'gone' ? undefined : (liveOwner as KubeObject);
      }
      calls.push(['get']);
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
  const applier = new Applier(client, 'us', owners, clock);
  const apply = (data?: object) => applier.apply(declared(data), { resource, store }, owner);
  return { calls, store, applier, client, clock, apply, names: () => calls.map(([name]) => name) };
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

test('a child that the cache does not keep whole is read, and only real drift is reverted', async () => {
  const child = (x: string): KubeObject => ({ ...stored(), data: { x, note: 'x'.repeat(1_000_000) } });
  const same = setUp(child('1'));
  same.store.set('n/a', boundedChildOf(child('1')));
  for (let n = 0; n < 2; n++) assert.equal((await same.apply()).action, 'unchanged');
  assert.deepEqual(same.names(), ['get', 'get']);
  const changed = setUp(child('2'));
  changed.store.set('n/a', boundedChildOf(child('2')));
  const result = await changed.apply();
  assert.deepEqual(result.action === 'updated' && result.drift, ['data.x']);
  assert.deepEqual(changed.names(), ['get', 'apply']);
});

test('of a large object that was written little is kept, and its field conflict is found', async () => {
  const filler = () => ({ note: 'x'.repeat(1_000_000) });
  const { apply, store, applier } = setUp(stored({ x: '2', ...filler() }), (object) => ({
    ...object,
    data: { ...(object.data as object), ...filler() },
  }));
  store.set('n/a', boundedChildOf(stored({ x: '2', ...filler() })));
  const before = heapUsed();
  const actions: string[] = [];
  for (let n = 0; n < 5; n++) actions.push((await apply()).action);
  const growth = heapUsed() - before;
  assert.ok(growth < 500_000, `the heap grew by ${growth} bytes`);
  assert.deepEqual(actions, ['updated', 'updated', 'updated', 'updated', 'yielded']);
  applier.forget('o1');
});

test('nothing is remembered of an object whose deletion was seen before the response to a write', async () => {
  const { apply, store, client, applier } = setUp(undefined, (object) => ({ ...object, data: { x: 'changed' } }));
  const { create, apply: update } = client;
  const beforeResponse = async (response: Promise<KubeObject>) => {
    const object = await response;
    applier.forget('o1');
    return object;
  };
  client.create = (...args) => beforeResponse(create(...args));
  client.apply = (...args) => beforeResponse(update(...args));
  assert.equal((await apply()).action, 'created');
  // Only what is remembered would make these differ: the watch never shows a deleted object again.
  store.set('n/a', stored({ x: 'changed' }), '10');
  assert.equal((await apply()).action, 'updated');
  assert.equal((await apply()).action, 'updated');
  client.apply = update;
  assert.equal((await apply()).action, 'updated');
  assert.equal((await apply()).action, 'unchanged', 'otherwise it is remembered');
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

/** As the one that had our owner's name before left it. */
const predecessors = () => stored({ x: '1' }, { ownerReferences: [{ ...reference, uid: 'u0' }] });

test('what a deleted owner of the same name left is taken over, or deleted where it is not declared', async () => {
  const { apply, applier, store, calls } = setUp(undefined);
  store.set('n/a', predecessors());
  assert.equal((await apply()).action, 'updated');
  const [first, [name, sent]] = calls as [[string], [string, KubeObject]];
  assert.deepEqual([first, name, sent.metadata.uid], [['get owner'], 'apply', 'o1']);
  assert.deepEqual(sent.metadata.ownerReferences, [reference]);
  store.set('n/b', predecessors());
  assert.equal(await applier.remove('n/b', { resource, store }, owner), true);
  assert.deepEqual(calls.slice(2), [['get owner'], ['delete', 'o1']]);
});

/** As `kubectl delete --cascade=orphan` leaves it, after a creation by POST. */
function orphan(metadata: Partial<ObjectMeta> = {}): KubeObject {
  const labels = {
    'app.kubernetes.io/managed-by': 'net-exporter-operator',
    'app.kubernetes.io/instance': 'default',
    'app.kubernetes.io/name': 'net-exporter-agent',
  };
  const managedFields = [{ manager: 'us', operation: 'Update', fieldsV1: {} } as const];
  return stored({ x: '1' }, { ownerReferences: [], labels, managedFields, ...metadata });
}

test('an orphan of ours is read whole, gets its owner as it was read, and is then updated', async () => {
  const { apply, store, calls, client } = setUp(orphan());
  store.set('n/a', childObjectOf(orphan()));
  client.mergePatch = async (_resource, _place, patch) => {
    calls.push(['merge', patch]);
    const managedFields = [...orphan().metadata.managedFields!, { manager: 'us', operation: 'Update' } as const];
    return stored({ x: '1' }, { resourceVersion: '110', managedFields });
  };
  const result = await apply();
  assert.equal(result.action, 'adopted');
  assert.deepEqual(result.action === 'adopted' && result.object.metadata.ownerReferences, [reference]);
  assert.deepEqual(
    calls.map(([name]) => name),
    ['get', 'get owner', 'merge', 'merge', 'apply'],
  );
  const [adoption, correction, sent] = calls.slice(2).map(([, body]) => body as { metadata: ObjectMeta });
  assert.deepEqual(adoption!.metadata, {
    ...{ uid: 'o1', resourceVersion: '10', ownerReferences: [reference] },
    annotations: { 'net-exporter.dev/applied': 'adopted' },
  });
  assert.equal(correction!.metadata.managedFields?.length, 1, 'what was created counts as applied');
  assert.equal(correction!.metadata.resourceVersion, '110');
  assert.deepEqual(sent!.metadata.annotations, stamped(declared()).metadata.annotations);
});

test('an adoption that fails in between is completed by the next apply', async () => {
  const { apply, client, names } = setUp(orphan());
  client.apply = async () => {
    throw new ApiError('Unavailable', 'away');
  };
  await assert.rejects(apply(), { message: 'away' });
  assert.deepEqual(names(), ['get', 'get owner', 'merge', 'merge']);
  const annotations = { 'net-exporter.dev/applied': 'adopted' };
  const next = setUp(stored({ x: '1' }, { annotations }));
  const result = await next.apply();
  assert.deepEqual(result.action === 'updated' && result.drift, ['metadata.annotations.net-exporter.dev/applied']);
});

test('whoever takes the owner reference away again and again is yielded to', async () => {
  const live = orphan();
  const { apply, store, client } = setUp(live);
  client.mergePatch = async () => stored({ x: '1' }, { managedFields: live.metadata.managedFields! });
  const actions: string[] = [];
  for (let n = 0; n < 5; n++) {
    store.set('n/a', childObjectOf(orphan({ resourceVersion: String(100 + n) })));
    actions.push((await apply()).action);
  }
  assert.deepEqual(actions, ['adopted', 'adopted', 'adopted', 'adopted', 'yielded']);
});

for (const [state, liveOwner] of [
  ['gone', 'gone'],
  ['another one', { metadata: { uid: 'u2' } }],
  ['being deleted', { metadata: { uid: 'u1', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
] as const)
  test(`what another owner of the same name has is left alone where ours is ${state} though nobody has told us yet`, async () => {
    const { apply, applier, store, names } = setUp(undefined, undefined, liveOwner);
    store.set('n/a', predecessors());
    assert.equal((await apply()).action, 'waiting');
    assert.equal(await applier.remove('n/a', { resource, store }, owner), false);
    const left = setUp(orphan(), undefined, liveOwner);
    assert.equal((await left.apply()).action, 'waiting', 'the garbage collector is making orphans');
    assert.deepEqual(left.names(), ['get', 'get owner']);
    assert.deepEqual(
      names().filter((name) => name !== 'get owner'),
      [],
    );
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
  store.set('n/a', { ...stored({ x: '1' }, { resourceVersion: '15' }), data: { x: '3' } });
  assert.equal((await apply()).action, 'updated');
  assert.deepEqual(names(), ['apply', 'apply']);
});

test('after a restore of etcd what the watch shows counts, though we wrote something newer before', async () => {
  const { apply, applier, store, names } = setUp(undefined);
  store.set('n/a', { ...stored(), data: { x: '2' } });
  await apply();
  assert.equal((await apply()).action, 'unchanged');
  applier.forgetWrites();
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

test('a label that an admission policy rewrites is applied once, however often the object changes otherwise', async () => {
  const labels = { 'app.kubernetes.io/part-of': 'platform' };
  const rewrite = (object: KubeObject) => ({ ...object, metadata: { ...object.metadata, labels } });
  const { applier, store, clock, names } = setUp(undefined, rewrite);
  const wanted = declared();
  wanted.metadata.labels = { 'app.kubernetes.io/part-of': 'net-exporter' };
  const apply = () => applier.apply(wanted, { resource, store }, owner);
  const created = await apply();
  assert.equal(created.action, 'created');
  const { metadata, ...rest } = (created as { object: KubeObject }).object;
  const results = [];
  for (let version = 30; version < 40; version++) {
    const managedFields = [{ manager: 'daemon-set-controller', operation: 'Update', time: String(version) }];
    const changed = { ...metadata, resourceVersion: String(version), generation: version, managedFields };
    store.set('n/a', { ...rest, metadata: changed as ObjectMeta, status: { numberReady: version } } as KubeObject);
    results.push((await apply()).action);
    clock.advance(120_000);
  }
  assert.deepEqual(new Set(results), new Set(['unchanged']));
  store.set('n/a', { ...rest, metadata: { ...metadata, labels: { 'app.kubernetes.io/part-of': 'other' } } });
  assert.equal((await apply()).action, 'updated');
  assert.deepEqual(names(), ['get', 'create', 'apply']);
});

test('a field that the API server drops is sent again every ten minutes, which is no change and no conflict', async () => {
  let isKnown = false;
  const rewrite = (object: KubeObject) => {
    const metadata = { ...object.metadata, resourceVersion: isKnown ? '40' : '30' };
    return { ...object, metadata, data: isKnown ? object.data : {} };
  };
  const { apply, store, clock, names } = setUp(undefined, rewrite);
  const created = await apply();
  store.set('n/a', (created as { object: KubeObject }).object);
  for (let minute = 0; minute < 60; minute++) {
    const result = await apply();
    assert.deepEqual([result.action, 'conflict' in result], ['unchanged', false]);
    clock.advance(60_000);
  }
  assert.deepEqual(names(), ['get', 'create', ...Array(5).fill('apply')]);
  isKnown = true;
  assert.equal((await apply()).action, 'updated');
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

/** The object as a rival leaves it: its version rises each time. */
function contestedBy(manager: string, version: number): KubeObject {
  const fieldsV1 = { 'f:data': { 'f:x': {} } };
  const managedFields = [{ manager, operation: 'Update', fieldsV1 } as const];
  return { ...stored({ x: '1' }, { resourceVersion: String(version), managedFields }), data: { x: 'theirs' } };
}

testWithEachWallClock(
  'a rival is yielded to after a few rounds, for longer each time, and named with the fields',
  async (newClock) => {
    const { apply, store, clock, names } = setUp(undefined, undefined, undefined, newClock());
    let version = 100;
    const round = () => {
      store.set('n/a', contestedBy('gitops', version++));
      return apply();
    };
    for (let mends = 1; mends <= 3; mends++) {
      const result = await round();
      assert.deepEqual([result.action, 'conflict' in result], ['updated', false]);
    }
    const fourth = await round();
    assert.equal(fourth.action, 'updated');
    assert.ok(fourth.action === 'updated' && fourth.conflict);
    for (const holdMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      const held = await round();
      assert.equal(held.action, 'yielded');
      assert.deepEqual(held.action === 'yielded' && held.conflict, {
        managers: ['gitops'],
        fields: ['data.x'],
        requeueAfterMs: holdMs,
      });
      clock.advance(holdMs - 1);
      assert.equal((await round()).action, 'yielded');
      clock.advance(1);
      assert.equal((await round()).action, 'updated');
    }
    assert.equal(names().length, 4 + 7);
  },
);

testWithEachWallClock(
  'a rival that has given up is told until the object has been left in peace for a while',
  async (newClock) => {
    const { apply, store, clock } = setUp(undefined, undefined, undefined, newClock());
    for (let version = 100; version < 104; version++) {
      store.set('n/a', contestedBy('gitops', version));
      await apply();
    }
    store.set('n/a', stored({ x: '1' }, { resourceVersion: '200' }));
    const calm = await apply();
    assert.ok(calm.action === 'unchanged' && calm.conflict?.requeueAfterMs === 10_000);
    clock.advance(10_000);
    assert.deepEqual(Object.keys(await apply()), ['action', 'object']);
  },
);

testWithEachWallClock(
  'no rival: changes of different fields, changes far apart, and declarations of our own',
  async (newClock) => {
    const { apply, store, clock } = setUp(undefined, undefined, undefined, newClock());
    for (let round = 0; round < 12; round++) {
      const data = { x: '1', y: '1' };
      store.set('n/a', {
        ...stored(data, { resourceVersion: String(100 + round) }),
        data: { ...data, [round % 2 ? 'x' : 'y']: '2' },
      });
      const result = await apply(data);
      assert.deepEqual([result.action, 'conflict' in result], ['updated', false]);
    }
    for (let round = 0; round < 12; round++) {
      store.set('n/a', contestedBy('hand', 200 + round));
      assert.equal('conflict' in (await apply()), false);
      clock.advance(11 * 60_000);
    }
    for (let round = 0; round < 12; round++) {
      store.set('n/a', stored({ x: String(round) }, { resourceVersion: String(300 + round) }));
      assert.equal('conflict' in (await apply({ x: String(round + 1) })), false);
    }
  },
);

test('a field that nobody can change is changed by deleting the object, once, and creating it when it is gone', async () => {
  const selector = { matchLabels: { a: 'b' } };
  const daemonSet = { ...declared(), kind: 'DaemonSet', spec: { selector } };
  const { applier, store, calls, names, client } = setUp(undefined);
  const run = () => applier.apply(daemonSet, { resource, store }, owner);
  store.set('n/a', { ...stored(), kind: 'DaemonSet', spec: { selector: { matchLabels: { a: 'c' } } } });
  assert.deepEqual(await run(), { action: 'replacing', field: 'spec.selector', deleted: true });
  assert.deepEqual(calls, [['delete', 'o1']]);
  client.delete = async () => {
    throw new ApiError('NotFound', 'gone');
  };
  assert.deepEqual(await run(), { action: 'replacing', field: 'spec.selector', deleted: false });
  store.delete('n/a');
  assert.equal((await run()).action, 'created');
  assert.deepEqual(names(), ['delete', 'get', 'create']);
});

testWithEachWallClock(
  'what the API server calls immutable is created anew too, but not again and again',
  async (newClock) => {
    const { apply, store, clock, client, names } = setUp(undefined, undefined, undefined, newClock());
    client.apply = async () => {
      throw new ApiError('Invalid', 'data: Forbidden: field is immutable when `immutable` is set', { status: 422 });
    };
    const actions: string[] = [];
    for (let version = 100; version < 110; version++) {
      store.set('n/a', { ...contestedBy('gitops', version), immutable: true });
      actions.push((await apply()).action);
      clock.advance(100);
    }
    assert.deepEqual(actions, [...Array(4).fill('replacing'), ...Array(6).fill('yielded')]);
    assert.deepEqual(names(), Array(4).fill('delete'));
  },
);

test('of someone else’s object not even an immutable difference is touched', async () => {
  const { applier, store, calls } = setUp(undefined);
  store.set('n/a', { ...stored({}, { ownerReferences: [] }), kind: 'Service', spec: { clusterIP: '10.0.0.1' } });
  const service = { ...declared(), kind: 'Service', spec: { clusterIP: 'None' } };
  assert.equal((await applier.apply(service, { resource, store }, owner)).action, 'left');
  assert.deepEqual(calls, []);
});
