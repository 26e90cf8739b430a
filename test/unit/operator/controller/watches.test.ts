import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Watches, type WatchesOptions } from '../../../../src/operator/controller/watches.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

test('a restore of etcd that any of the caches finds is told', () => {
  let told = 0;
  const nobody = async () => {
    throw new ApiError('Unavailable', 'away');
  };
  const watches = new Watches({
    ...{ clock: new FakeClock(), random: () => 0, log: quietLog },
    client: { list: nobody, watch: nobody } as unknown as WatchesOptions['client'],
    ...{ onResource() {}, onChild() {}, onPod() {}, onOptional() {}, onFault() {} },
    onRewound: () => told++,
  });
  const stores = [watches.resources, watches.pods, watches.podMonitors.store];
  for (const { store } of watches.kinds.values()) stores.push(store as never);
  assert.ok(stores.length > 5);
  for (const [index, store] of stores.entries()) {
    store.rewound();
    assert.equal(told, index + 1);
  }
});
