import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { apiUses } from '../../../../src/contract/api-uses.ts';
import { DnsWatch } from '../../../../src/operator/dns/dns-watch.ts';
import type { ListPage } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const byLabel = { namespace: 'kube-system', name: '' };
const byName = { namespace: 'kube-system', name: 'coredns' };

/** A slice of one ready pod. */
function slice(address: string): KubeObject {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: {
      ...{ name: `slice-${address}`, namespace: 'kube-system', uid: address, resourceVersion: '1' },
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/service-name': 'coredns' },
    },
    ...{ addressType: 'IPv4', ports: [{ name: 'dns', port: 53 }] },
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
}

/** An API server with these slices, by label selector; a list may be held up. */
function setUp(content: Record<string, KubeObject[]>, held = Promise.resolve()) {
  const clock = new FakeClock();
  const watched: string[] = [];
  let changes = 0;
  const faults: string[] = [];
  const client = {
    list: async (
      _resource: unknown,
      { labelSelector = '' }: { labelSelector?: string | undefined },
    ): Promise<ListPage> => {
      watched.push(labelSelector);
      await held;
      return { metadata: { resourceVersion: '1' }, items: content[labelSelector] ?? [] };
    },
    watch: async (_resource: unknown, _query: unknown, _idleMs: number, signal: AbortSignal) => silence(signal),
  };
  const dns = new DnsWatch({
    ...{ client, resource: apiUses.endpointSlices, clock, random: () => 0, log: quietLog },
    onFault: ({ plural }) => faults.push(plural),
    nodeOf: () => undefined,
    onChange: () => changes++,
  });
  return { dns, clock, watched, faults, changes: () => changes };
}

/** A watch that says nothing until it is ended. */
function silence(signal: AbortSignal) {
  const next = async (): Promise<never> => {
    if (!signal.aborted) await once(signal, 'abort');
    throw new ApiError('Cancelled', 'aborted');
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

const labelled = 'k8s-app=kube-dns';
const named = 'kubernetes.io/service-name=coredns';

test('the DNS pods are not known until they have been listed: that is not none', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { dns, changes } = setUp({ [named]: [slice('10.0.0.1')] }, promise);
  assert.equal(dns.serversOf(byName), undefined);
  assert.equal(changes(), 0);
  resolve();
  await until(() => changes() > 0, 'they are known');
  assert.deepEqual(dns.serversOf(byName), ['10.0.0.1:53']);
  await dns.stop();
});

test('also that there are none is told', async () => {
  const { dns, changes } = setUp({});
  assert.equal(dns.serversOf(byName), undefined);
  await until(() => changes() > 0, 'they are known');
  assert.deepEqual(dns.serversOf(byName), []);
  await dns.stop();
});

test('a Service that is named and has no EndpointSlice is missing, once that is known', async () => {
  const { dns, changes } = setUp({ [named]: [{ ...slice('10.0.0.1'), endpoints: [] }] });
  const other = { namespace: 'kube-system', name: 'corends' };
  for (const service of [byName, other, byLabel]) dns.serversOf(service);
  assert.equal(dns.isMissing(other), false);
  await until(() => changes() >= 3, 'they are known');
  assert.deepEqual(
    [byName, other, byLabel].map((service) => dns.isMissing(service)),
    [false, true, false],
  );
  await dns.stop();
});

test('where they cannot be listed nobody waits for them for long', async () => {
  const { dns, clock, changes } = setUp({}, new Promise(() => {}));
  assert.equal(dns.serversOf(byName), undefined);
  clock.advance(5000);
  assert.equal(changes(), 1);
  assert.deepEqual(dns.serversOf(byName), []);
  assert.equal(dns.isMissing(byName), false, 'nobody knows');
});

test('without a name and without the usual label it is the Service behind the resolver, once that is known', async () => {
  const { dns, changes } = setUp({ [named]: [slice('10.0.0.1')] });
  dns.serversOf(byLabel);
  await until(() => changes() === 1, 'the label is known to be nowhere');
  assert.equal(dns.serversOf(byLabel), undefined);
  dns.useResolver(byName);
  assert.equal(dns.serversOf(byLabel), undefined);
  await until(() => changes() === 3, 'the pods are known');
  assert.deepEqual(dns.serversOf(byLabel), ['10.0.0.1:53']);
  await dns.stop();
});

test('the label decides where there is one, and where there is no other way', async () => {
  const { dns, changes } = setUp({ [labelled]: [slice('10.0.0.2')] });
  dns.serversOf(byLabel);
  await until(() => changes() === 1 || changes() === 2, 'the pods are known');
  assert.deepEqual(dns.serversOf(byLabel), ['10.0.0.2:53']);
  await dns.stop();
  const nowhere = setUp({});
  nowhere.dns.useResolver(undefined);
  nowhere.dns.serversOf(byLabel);
  await until(() => nowhere.changes() === 2, 'the label is known to be nowhere');
  assert.deepEqual(nowhere.dns.serversOf(byLabel), []);
  await nowhere.dns.stop();
});

test('a Service that nobody names any more is not watched, and watched anew when someone does', async () => {
  const { dns, watched, changes } = setUp({ [named]: [slice('10.0.0.1')] });
  dns.serversOf(byName);
  await until(() => changes() > 0, 'they are known');
  dns.retain([byName]);
  assert.deepEqual(dns.serversOf(byName), ['10.0.0.1:53']);
  dns.retain([byLabel]);
  assert.equal(dns.serversOf(byName), undefined);
  await until(() => watched.length === 2, 'they are listed again');
  await dns.stop();
});

test('an EndpointSlice that cannot be read is counted, and the others of its Service are used', async () => {
  const broken = { ...slice('10.0.0.9'), endpoints: [{ addresses: null }] };
  const { dns, faults, changes } = setUp({ [named]: [broken, slice('10.0.0.1')] });
  dns.serversOf(byName);
  await until(() => changes() > 0, 'they are known');
  assert.deepEqual([dns.serversOf(byName), faults], [['10.0.0.1:53'], ['endpointslices']]);
  await dns.stop();
});
