import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { addressIn, leaderEndpointSlice } from '../../../../src/operator/leader/endpoint-slice.ts';

test('the address of the leader is the one that the slice leads to', () => {
  const slice = (address: string) => leaderEndpointSlice({ address, port: 8443 }, 'n') as unknown as KubeObject;
  assert.equal(addressIn(slice('10.0.0.7')), '10.0.0.7');
  assert.equal(addressIn(slice('fd00::7')), 'fd00::7');
});

test('a slice that leads nowhere, or that somebody else has written, has no address', () => {
  const metadata = { name: 's', namespace: 'n', uid: 'u' };
  const slice = (endpoints: unknown) => ({ metadata, endpoints }) as unknown as KubeObject;
  assert.equal(addressIn(undefined), undefined);
  for (const endpoints of [
    undefined,
    null,
    [],
    [{}],
    [{ addresses: [] }],
    'x',
    [{ addresses: ['example.com'] }],
    [null],
  ])
    assert.equal(addressIn(slice(endpoints)), undefined, JSON.stringify(endpoints));
});
