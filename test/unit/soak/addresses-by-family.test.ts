import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressesByFamily } from '../../../soak/addresses-by-family.ts';

describe('addressesByFamily', () => {
  it('finds the addresses of every kind, and takes no name for one', () => {
    const objects = [
      {
        kind: 'Node',
        metadata: { name: 'node-1' },
        status: { addresses: [{ address: 'fd00::11' }, { address: 'node-1' }] },
      },
      {
        kind: 'Pod',
        metadata: { namespace: 'a', name: 'agent' },
        status: { podIPs: [{ ip: 'fd00::1:2' }, { ip: '10.0.0.2' }], hostIPs: [{ ip: 'fd00::11' }] },
      },
      { kind: 'Service', metadata: { namespace: 'a', name: 'agent' }, spec: { clusterIPs: ['None'] } },
      { kind: 'Service', metadata: { namespace: 'a', name: 'sync' }, spec: { clusterIPs: ['10.96.0.7'] } },
      { kind: 'EndpointSlice', metadata: { namespace: 'a', name: 'sync-1' }, endpoints: [{ addresses: ['fd00::2'] }] },
      { kind: 'EndpointSlice', metadata: { namespace: 'a', name: 'none' }, endpoints: null },
    ];
    assert.deepEqual(addressesByFamily(objects), {
      ipv4: ['Pod a agent: 10.0.0.2', 'Service a sync: 10.96.0.7'],
      ipv6: [
        'Node node-1: fd00::11',
        'Pod a agent: fd00::1:2',
        'Pod a agent: fd00::11',
        'EndpointSlice a sync-1: fd00::2',
      ],
    });
  });
});
