import assert from 'node:assert/strict';
import { isIPv6, SocketAddress } from 'node:net';
import { describe, it } from 'node:test';
import { addressesOf, type IpFamily, maximumNodes, nodeAddresses, slots } from '../../cluster/addresses.ts';
import { overlap } from '../../cluster/slots.ts';

const allSlots = Array.from({ length: slots }, (_, slot) => slot);

describe('addresses', () => {
  it('zones are a, b, c in turn', () => {
    const zones = [1, 2, 3, 4, 5, 6].map((number) => nodeAddresses(addressesOf(0), number).zone);
    assert.deepEqual(zones, ['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('no two slots share a network or a name', () => {
    for (const a of allSlots) {
      for (const b of allSlots.filter((b) => b !== a)) {
        const [one, other] = [addressesOf(a, 'dual'), addressesOf(b, 'dual')];
        for (const mine of [...one.nodeNetworks, ...one.podNetworks])
          for (const theirs of [...other.nodeNetworks, ...other.podNetworks])
            assert.ok(!overlap(mine, theirs), `${mine} ${theirs}`);
        assert.ok(!other.netnsPrefix.startsWith(one.netnsPrefix));
      }
    }
  });

  it('no two networks of a cluster overlap', () => {
    const { nodeNetworks, podNetworks, serviceNetworks } = addressesOf(0, 'dual');
    const networks = [...nodeNetworks, ...podNetworks, ...serviceNetworks];
    for (const one of networks)
      for (const other of networks) assert.equal(overlap(one, other), one === other, `${one} ${other}`);
  });

  it('every node is in its networks, and its names fit the kernel', () => {
    for (const slot of allSlots) {
      const addresses = addressesOf(slot, 'dual');
      const { nodeNetworks, podNetworks, hostInterface } = addresses;
      assert.ok(hostInterface.length <= 15);
      for (const number of [1, maximumNodes]) {
        const node = nodeAddresses(addresses, number);
        for (const family of [0, 1]) {
          assert.ok(overlap(node.addresses[family]!, nodeNetworks[family]!));
          assert.ok(overlap(node.podCidrs[family]!, podNetworks[family]!));
        }
        assert.ok(node.switchPort.length <= 15);
      }
    }
  });

  it('are of the cluster’s families, with IPv4 first where there are both', () => {
    const families = (ipFamily: IpFamily) => {
      const addresses = addressesOf(3, ipFamily);
      const { addresses: own, podCidrs } = nodeAddresses(addresses, 7);
      const { hostAddresses, nodeNetworks, podNetworks, serviceNetworks, dnsServiceAddresses } = addresses;
      return [own, podCidrs, hostAddresses, nodeNetworks, podNetworks, serviceNetworks, dnsServiceAddresses].map(
        (list) => list.map((text) => (isIPv6(text.split('/')[0]!) ? 6 : 4)),
      );
    };
    assert.deepEqual(families('ipv4'), Array(7).fill([4]));
    assert.deepEqual(families('ipv6'), Array(7).fill([6]));
    assert.deepEqual(families('dual'), Array(7).fill([4, 6]));
  });

  it('the control plane and the Service of its API are at addresses of the primary family', () => {
    const primary = (ipFamily: IpFamily) => {
      const { hostAddress, apiServiceAddress } = addressesOf(2, ipFamily);
      return [hostAddress, apiServiceAddress];
    };
    assert.deepEqual(primary('ipv4'), ['172.31.101.1', '10.96.0.1']);
    assert.deepEqual(primary('dual'), primary('ipv4'));
    assert.deepEqual(primary('ipv6'), ['fd6e:6563:3::1', 'fd6e:6563:ffff::1']);
  });

  it('IPv6 addresses are written as the kernel and Kubernetes write them', () => {
    for (const slot of allSlots) {
      const addresses = addressesOf(slot, 'dual');
      const node = nodeAddresses(addresses, maximumNodes);
      const all = [addresses.hostAddresses, addresses.dnsServiceAddresses, node.addresses, node.podCidrs];
      for (const [, text] of all) {
        const address = text!.split('/')[0]!;
        assert.equal(new SocketAddress({ address, family: 'ipv6' }).address, address);
      }
    }
  });

  it('there is no node 0 and none beyond the last', () => {
    assert.throws(() => nodeAddresses(addressesOf(0), 0), RangeError);
    assert.throws(() => nodeAddresses(addressesOf(0), maximumNodes + 1), RangeError);
  });
});
