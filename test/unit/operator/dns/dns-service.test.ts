import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DnsServers, dnsSliceOf } from '../../../../src/operator/dns/dns-service.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';

interface Endpoint {
  addresses: string[];
  conditions?: { ready?: boolean | null; serving?: boolean; terminating?: boolean };
  nodeName?: string;
  targetRef?: { kind: string; name: string; uid: string };
}

/** As the API server gives the slices of kube-dns's Service. */
function slice(endpoints: Endpoint[], parts: object = {}): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kube-dns-x',
      namespace: 'kube-system',
      uid: 'u',
      resourceVersion: '1',
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/service-name': 'kube-dns' },
    },
    addressType: 'IPv4',
    ports: [
      { name: 'metrics', port: 9153, protocol: 'TCP' },
      { name: 'dns-tcp', port: 5353, protocol: 'TCP' },
      { name: 'dns', port: 5353, protocol: 'UDP' },
    ],
    endpoints,
    ...parts,
  };
}

function pod(number: number, conditions: Endpoint['conditions'] = { ready: true }, family: 4 | 6 = 4): Endpoint {
  return {
    addresses: [family === 4 ? `10.0.0.${number}` : `fd00::${number}`],
    conditions,
    nodeName: `n${number}`,
    targetRef: { kind: 'Pod', name: `coredns-${number}`, uid: `pod-${number}` },
  };
}

const node = (name: string): NodeFacts => ({
  name,
  zone: '',
  ready: true,
  notice: undefined,
  uid: 'node',
  bootId: 'b',
});

function serversOf(...slices: KubeObject[]): string[] {
  return new DnsServers().update(
    slices.map((each) => dnsSliceOf(each, Infinity)),
    node,
  );
}

describe('all DNS pods', () => {
  it('have their names and states, and whether the Service leads to them', () => {
    const servers = new DnsServers();
    const endpoints = [pod(1), pod(2, { ready: false }), pod(3, { ready: true, terminating: true })];
    const { targetRef: _, ...address } = pod(4);
    const slices = (all: Endpoint[]) => [dnsSliceOf(slice(all), Infinity)];
    const common = (number: number) => ({ address: `10.0.0.${number}:5353`, node: `n${number}` });
    assert.deepEqual(servers.pods(slices([...endpoints, address]), node), [
      { ...common(1), name: 'coredns-1', state: 'serving', isServing: true },
      { ...common(2), name: 'coredns-2', state: 'starting', isServing: false },
      { ...common(3), name: 'coredns-3', state: 'leaving', isServing: false },
      { ...common(4), name: '', state: 'serving', isServing: true },
    ]);
    const [failing] = servers.pods(slices([pod(1, { ready: false })]), node);
    assert.deepEqual([failing?.state, failing?.isServing], ['failing', false]);
  });

  it('have no name that is longer than a name can be', () => {
    const long = { ...pod(1), targetRef: { kind: 'Pod', name: 'x'.repeat(254), uid: 'u' } };
    assert.equal(new DnsServers().pods([dnsSliceOf(slice([long]), Infinity)], node)[0]?.name, '');
  });
});

describe('the DNS pods to ask', () => {
  it('are those that are ready, at the port that they listen on themselves', () => {
    assert.deepEqual(serversOf(slice([pod(2), pod(1), pod(3, { ready: false })])), ['10.0.0.1:5353', '10.0.0.2:5353']);
  });

  it('are asked at port 53 where no port is named dns, else at the one for UDP', () => {
    const at = (ports: unknown) => serversOf(slice([pod(1)], { ports }));
    assert.deepEqual(
      at([
        { name: 'metrics', port: 9153 },
        { name: 'domain', port: 53 },
      ]),
      ['10.0.0.1:53'],
    );
    assert.deepEqual(
      at([
        { name: 'web', port: 80, protocol: 'TCP' },
        { name: 'x', port: 1053, protocol: 'UDP' },
      ]),
      ['10.0.0.1:1053'],
    );
    assert.deepEqual(at(null), ['10.0.0.1:53']);
    assert.deepEqual(at([{ name: 'web', port: 80, protocol: 'TCP' }]), []);
  });

  it('serve at these ports, over UDP and over TCP', () => {
    const at = (ports: unknown, endpoints = [pod(1, { ready: false })]) =>
      dnsSliceOf(slice(endpoints, { ports }), Infinity).ports;
    assert.deepEqual(at([{ name: 'dns', port: 5353, protocol: 'UDP' }]), [5353]);
    const apart = [
      { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
      { name: 'dns', port: 5353, protocol: 'UDP' },
    ];
    assert.deepEqual(at(apart), [5353, 5354]);
    assert.deepEqual(at(apart, []), []);
    assert.deepEqual(at(null), [53]);
    assert.deepEqual(at([{ name: 'web', port: 80, protocol: 'TCP' }]), []);
    for (const port of [70_000, 0, -1]) assert.deepEqual(at([{ name: 'dns', port, protocol: 'UDP' }]), []);
  });

  it('are each asked by one address, IPv4 where there is one', () => {
    const v4 = slice([pod(1), pod(2)]);
    const v6 = slice([pod(1, { ready: true }, 6), pod(3, { ready: true }, 6)], { addressType: 'IPv6' });
    const expected = ['10.0.0.1:5353', '10.0.0.2:5353', '[fd00::3]:5353'];
    assert.deepEqual(serversOf(v4, v6), expected);
    assert.deepEqual(serversOf(v6, v4), expected);
  });

  it('are taken to be ready where nothing is said of it, as by everyone', () => {
    assert.deepEqual(serversOf(slice([pod(1, {})])), ['10.0.0.1:5353']);
    const { conditions: _, ...silent } = pod(2);
    assert.deepEqual(serversOf(slice([silent])), ['10.0.0.2:5353']);
  });

  it('may be no pods at all: endpoints that someone wrote', () => {
    assert.deepEqual(serversOf(slice([{ addresses: ['192.0.2.1'] }])), ['192.0.2.1:5353']);
    assert.deepEqual(serversOf(slice([{ addresses: ['dns.example.com'] }], { addressType: 'FQDN' })), []);
    assert.deepEqual(serversOf(slice([], { endpoints: undefined })), []);
  });

  it('go on being asked when they fail, until they are deleted', () => {
    const servers = new DnsServers();
    const asked = (...endpoints: Endpoint[]) => servers.update([dnsSliceOf(slice(endpoints), Infinity)], node);
    assert.deepEqual(asked(pod(1), pod(2)), ['10.0.0.1:5353', '10.0.0.2:5353']);
    assert.deepEqual(asked(pod(1), pod(2, { ready: false })), ['10.0.0.1:5353', '10.0.0.2:5353']);
    assert.deepEqual(asked(pod(1), pod(2, { ready: false, terminating: true })), ['10.0.0.1:5353']);
    assert.deepEqual(asked(pod(1)), ['10.0.0.1:5353']);
  });

  it('that move from one slice to another are asked all along', () => {
    const twice = [slice([pod(1, { ready: false })]), slice([pod(1)])];
    assert.deepEqual(serversOf(...twice), ['10.0.0.1:5353']);
    assert.deepEqual(serversOf(...twice.toReversed()), ['10.0.0.1:5353']);
  });
});
