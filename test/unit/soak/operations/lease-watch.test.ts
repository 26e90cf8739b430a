import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseWatch } from '../../../../soak/operations/lease-watch.ts';
import type { ApiObject } from '../../../faults/cluster-api.ts';

const lease = (holderIdentity: string, renewTime: string) =>
  ({ spec: { holderIdentity, renewTime } }) as unknown as ApiObject;

test('whoever renews the Lease leads, since it was seen to hold it', () => {
  const watch = new LeaseWatch();
  assert.equal(watch.leader(0), undefined);
  watch.see(lease('operator-1_x', 'a'), 1000);
  watch.see(lease('operator-1_x', 'b'), 3000);
  assert.deepEqual(watch.leader(4000), { pod: 'operator-1', since: 1000 });
  watch.see(lease('operator-2_y', 'c'), 5000);
  assert.deepEqual(watch.leader(5000), { pod: 'operator-2', since: 5000 });
});

test('one that renews it no more leads no more, though it is still the holder', () => {
  const watch = new LeaseWatch();
  watch.see(lease('operator-1_x', 'a'), 1000);
  watch.see(lease('operator-1_x', 'a'), 4000);
  assert.equal(watch.leader(5000), undefined);
  watch.see(lease('operator-1_x', 'b'), 6000);
  assert.deepEqual(watch.leader(6000), { pod: 'operator-1', since: 1000 });
});

test('nobody leads with a Lease that was released, nor once the leader was killed', () => {
  const watch = new LeaseWatch();
  watch.see(lease('operator-1_x', 'a'), 1000);
  watch.end();
  assert.equal(watch.leader(1001), undefined);
  watch.see(lease('', 'b'), 1500);
  assert.equal(watch.leader(1500), undefined);
});

test('another process of the same pod is another leader', () => {
  const watch = new LeaseWatch();
  watch.see(lease('operator-1_x', 'a'), 1000);
  watch.see(lease('operator-1_z', 'b'), 9000);
  assert.deepEqual(watch.leader(9000), { pod: 'operator-1', since: 9000 });
});
