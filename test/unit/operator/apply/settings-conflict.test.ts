import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Applier } from '../../../../src/operator/apply/applier.ts';
import { stamped } from '../../../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../../../src/operator/apply/declared-object.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import { netExporters } from '../../../../src/operator/cache/watched-kinds.ts';
import { Watches } from '../../../../src/operator/controller/watches.ts';
import type { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';
import { owner, reference } from './owner.ts';

const nothing = () => {};

/** The kinds as the operator watches them. */
function watchedKinds(clock: FakeClock) {
  const { kinds } = new Watches({
    ...{ client: {} as ApiClient, clock, random: () => 0.5, log: quietLog },
    ...{ onResource: nothing, onChild: nothing, onPod: nothing, onNode: nothing, onOptional: nothing },
    ...{ onRewound: nothing, onFault: nothing },
  });
  return kinds;
}

const declared: DeclaredObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'n', ownerReferences: [reference] },
  data: { 'sync.json': 'ours' },
};

test('whoever keeps writing another authority into the ConfigMap is reverted each time, and named', async () => {
  const clock = new FakeClock();
  const kind = { ...watchedKinds(clock).get('v1 ConfigMap')!, store: new Store<KubeObject>() };
  let version = 10;
  const written: object[] = [];
  const stored = (object: object) => {
    const { metadata, ...content } = object as KubeObject;
    return { ...content, metadata: { ...metadata, uid: 'o1', resourceVersion: String(++version) } } as KubeObject;
  };
  const client = {
    get: async () => assert.fail('it is watched'),
    create: async () => assert.fail('it exists'),
    delete: async () => assert.fail('it is ours'),
    mergePatch: async (_: unknown, __: unknown, object: object) => stored(object),
    apply: async (_: unknown, __: unknown, object: object) => {
      written.push(object);
      return stored(object);
    },
  };
  const applier = new Applier(client, 'net-exporter-operator', netExporters, clock);
  const managedFields = [
    { manager: 'intruder', operation: 'Update', fieldsV1: { 'f:data': { 'f:sync.json': {} } } },
  ] as const;
  for (let round = 1; round <= 40; round++) {
    const rival = stored({ ...stamped(declared), data: { 'sync.json': 'theirs' } });
    kind.store.set('n/a', { ...rival, metadata: { ...rival.metadata, managedFields: [...managedFields] } });
    let result = await applier.apply(declared, kind, owner);
    if (result.action === 'yielded') {
      assert.ok(result.conflict.requeueAfterMs <= 1000, `${result.conflict.requeueAfterMs} ms`);
      clock.advance(result.conflict.requeueAfterMs);
      result = await applier.apply(declared, kind, owner);
    }
    assert.equal(result.action, 'updated', `round ${round}`);
    if (round >= 5) assert.deepEqual('conflict' in result && result.conflict?.managers, ['intruder']);
    // As a slower manager does it: there is no wait then.
    if (round > 20) clock.advance(1000);
  }
  assert.equal(written.length, 40);
});

test('for the other objects the operator still backs off', () => {
  const bounded = [...watchedKinds(new FakeClock())].filter(([, kind]) => kind.maxRevertDelayMs !== undefined);
  assert.deepEqual(
    bounded.map(([name]) => name),
    ['v1 ConfigMap'],
  );
});
