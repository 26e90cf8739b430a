import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { apiUses } from '../../../../src/contract/api-uses.ts';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';
import { DnsWatch, maxDnsServices } from '../../../../src/operator/dns/dns-watch.ts';
import type { ListPage } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { heapUsed } from '../heap.ts';
import { quietLog } from '../quiet-log.ts';

const byLabel = { namespace: 'kube-system', name: '' };
const byName = { namespace: 'kube-system', name: 'coredns' };

/** A slice of one ready pod. */
function slice(address: string, { namespace, name } = byName, labels: Record<string, string> = {}): KubeObject {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: {
      ...{ name: `slice-${address}`, namespace, uid: address, resourceVersion: '1' },
      labels: { 'kubernetes.io/service-name': name, ...labels },
    },
    ...{ addressType: 'IPv4', ports: [{ name: 'dns', port: 53 }] },
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
}

/** References of NetExporters of one namespace. */
const referencesTo = (services: (typeof byName)[], from = 'monitoring') =>
  services.map((service) => ({ service, from }));

const usual = { 'k8s-app': 'kube-dns' };

/** As the API server does for the two kinds of selectors in use. */
function selects(labelSelector: string, { metadata }: KubeObject): boolean {
  const [, label = '', names] = /^(\S+) in \((.*)\)$/.exec(labelSelector) ?? [];
  if (names !== undefined) return names.split(',').includes(metadata.labels?.[label] ?? '');
  const [key = '', value] = labelSelector.split('=');
  return metadata.labels?.[key] === value;
}

/** An API server with these slices; a list waits for `held`, or fails. */
function setUp(content: KubeObject[], held: () => Promise<void> = () => Promise.resolve()) {
  const clock = new FakeClock();
  /** The selectors of the lists. */
  const listed: string[] = [];
  const watching = new Set<string>();
  let changes = 0;
  const faults: string[] = [];
  const client = {
    list: async (
      _resource: unknown,
      { labelSelector = '', namespace }: { labelSelector?: string | undefined; namespace?: string | undefined },
      signal?: AbortSignal,
    ): Promise<ListPage> => {
      assert.equal(namespace, undefined, 'one watch for all namespaces');
      listed.push(labelSelector);
      await Promise.race([held(), once(signal!, 'abort')]);
      if (signal!.aborted) throw new ApiError('Cancelled', 'aborted');
      return {
        metadata: { resourceVersion: '1' },
        items: content.filter((object) => selects(labelSelector, object)),
      };
    },
    watch: async (
      _: unknown,
      { labelSelector = '' }: { labelSelector?: string | undefined },
      __: number,
      signal: AbortSignal,
    ) => {
      watching.add(labelSelector);
      signal.addEventListener('abort', () => watching.delete(labelSelector));
      return silence(signal);
    },
  };
  const dns = new DnsWatch({
    ...{ client, resource: apiUses.endpointSlices, clock, random: () => 0, log: quietLog },
    onFault: ({ plural }) => faults.push(plural),
    nodeOf: () => undefined,
    onChange: () => changes++,
  });
  const known = (service: typeof byName) => until(() => dns.serversOf(service) !== undefined, 'the pods are known');
  return { dns, clock, listed, watching, faults, known, changes: () => changes };
}

/** A watch that says nothing until it is ended. */
function silence(signal: AbortSignal) {
  const next = async (): Promise<never> => {
    if (!signal.aborted) await once(signal, 'abort');
    throw new ApiError('Cancelled', 'aborted');
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

test('the DNS pods are not known until they have been listed: that is not none', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { dns, known, changes } = setUp([slice('10.0.0.1')], () => promise);
  dns.watch(referencesTo([byName]));
  assert.deepEqual([dns.serversOf(byName), changes()], [undefined, 0]);
  resolve();
  await known(byName);
  assert.equal(changes(), 1);
  assert.deepEqual(dns.serversOf(byName), ['10.0.0.1:53']);
  await dns.stop();
});

test('that there are none is reported too', async () => {
  const { dns, known, changes } = setUp([]);
  dns.watch(referencesTo([byName]));
  await known(byName);
  assert.deepEqual([dns.serversOf(byName), changes()], [[], 1]);
  await dns.stop();
});

test('a Service in a spec without an EndpointSlice is missing, once that is known', async () => {
  const { dns, known } = setUp([{ ...slice('10.0.0.1'), endpoints: [] }]);
  const other = { namespace: 'kube-system', name: 'corends' };
  const elsewhere = { namespace: 'default', name: 'coredns' };
  const all = [byName, other, elsewhere, byLabel];
  dns.watch(referencesTo(all));
  assert.equal(dns.isMissing(other), false);
  await known(other);
  assert.deepEqual(
    all.map((service) => dns.isMissing(service)),
    [false, true, true, false],
  );
  await dns.stop();
});

test('if slices cannot be listed, nobody waits for them for long, and the reason is reported', async () => {
  const forbidden = new ApiError('Forbidden', 'endpointslices is forbidden', { status: 403 });
  const { dns, clock, listed, changes } = setUp([], () => Promise.reject(forbidden));
  dns.watch(referencesTo([byName]));
  await until(() => listed.length > 0, 'a list was tried');
  assert.equal(dns.serversOf(byName), undefined);
  await clock.advanceAsync(5000);
  assert.equal(changes(), 1);
  assert.deepEqual(dns.serversOf(byName), []);
  assert.equal(dns.isMissing(byName), false, 'unknown');
  assert.match(dns.notices.join(), /cannot list endpointslices.*forbidden/);
  await dns.stop();
});

test('without a name and without the usual label it is the Service behind the resolver, once that is known', async () => {
  const { dns, known, listed, changes } = setUp([slice('10.0.0.1')]);
  dns.watch(referencesTo([byLabel]));
  await until(() => changes() === 1, 'no Service has the label');
  assert.equal(dns.serversOf(byLabel), undefined);
  dns.useResolver(byName);
  await known(byLabel);
  assert.deepEqual(dns.serversOf(byLabel), ['10.0.0.1:53']);
  assert.deepEqual(listed, ['k8s-app=kube-dns', 'kubernetes.io/service-name in (coredns)']);
  await dns.stop();
});

test('the label decides if a Service of the namespace has it, and if there is no other way', async () => {
  const labelled = slice('10.0.0.2', byName, usual);
  const strangers = slice('10.0.0.3', { namespace: 'tenant', name: 'x' }, usual);
  const { dns, known, listed } = setUp([labelled, strangers]);
  dns.useResolver(byName);
  dns.watch(referencesTo([byLabel]));
  await known(byLabel);
  assert.deepEqual(dns.serversOf(byLabel), ['10.0.0.2:53']);
  assert.deepEqual(listed, ['k8s-app=kube-dns'], 'the resolver is not watched without a need');
  await dns.stop();
  const nowhere = setUp([]);
  nowhere.dns.useResolver(undefined);
  nowhere.dns.watch(referencesTo([byLabel]));
  await nowhere.known(byLabel);
  assert.deepEqual(nowhere.dns.serversOf(byLabel), []);
  await nowhere.dns.stop();
});

/** A slice of one pod that serves DNS at this port. */
const sliceAt = (port: number, service = byName, labels = {}) => ({
  ...slice(`10.0.2.${port % 256}`, service, labels),
  ports: [{ name: 'dns', port, protocol: 'UDP' }],
});

test('the pods of a Service are those that are asked, and it is the resolver where pods have its address', async () => {
  const { dns, known } = setUp([slice('10.0.0.1', byName, usual), slice('10.0.0.2', { ...byName, name: 'other' })]);
  const other = { namespace: 'kube-system', name: 'other' };
  assert.deepEqual([dns.podsOf(byLabel), dns.isResolver(byLabel), dns.isResolver(byName)], [[], false, false]);
  dns.watch(referencesTo([byLabel, other]));
  await known(byLabel);
  const addresses = (service: typeof byName) => dns.podsOf(service).map(({ address }) => address);
  assert.deepEqual([addresses(byLabel), addresses(other)], [['10.0.0.1:53'], ['10.0.0.2:53']]);
  assert.equal(dns.isResolver(byLabel), false, 'not known yet');
  dns.useResolver(byName);
  assert.deepEqual(
    [byLabel, byName, other].map((service) => dns.isResolver(service)),
    [true, true, false],
  );
  dns.useResolver({ namespace: 'dns-system', name: 'dns' });
  assert.equal(dns.isResolver(byLabel), false);
  dns.useResolver(undefined);
  assert.deepEqual([dns.isResolver(byName), addresses(byLabel)], [false, ['10.0.0.1:53']]);
});

test('without a name and without the usual label the pods are those of the resolver', async () => {
  const { dns, known } = setUp([slice('10.0.0.1')]);
  dns.watch(referencesTo([byLabel]));
  dns.useResolver(byName);
  await known(byLabel);
  assert.deepEqual([dns.podsOf(byLabel)[0]?.address, dns.isResolver(byLabel)], ['10.0.0.1:53', true]);
});

test('the ports of a Service are known once its slices and the resolver are', async () => {
  const content = [
    sliceAt(5353),
    sliceAt(5354),
    sliceAt(1053, { namespace: 'openshift-dns', name: 'dns-default' }, usual),
  ];
  const { dns, known } = setUp(content);
  const openshift = { namespace: 'openshift-dns', name: '' };
  dns.watch(referencesTo([byName, openshift]));
  assert.equal(dns.portsOf(byName), undefined);
  await known(byName);
  await until(() => dns.serversOf(openshift) !== undefined, 'the pods in the other namespace are known');
  assert.equal(dns.portsOf(byName), undefined, 'the resolver may be in its namespace');
  dns.useResolver(undefined);
  assert.deepEqual(dns.portsOf(byName), [5353, 5354]);
  dns.useResolver(byName);
  assert.deepEqual(dns.portsOf(byName), [5353, 5354]);
  assert.deepEqual(dns.portsOf(openshift), [1053]);
  await dns.stop();
});

test('the ports stay unknown while the resolver cannot be looked up, slices are not listed, or there are no pods', async () => {
  const { dns, known } = setUp([sliceAt(5353), { ...sliceAt(53, { namespace: 'a', name: 'empty' }), endpoints: [] }]);
  const [empty, absent] = [
    { namespace: 'a', name: 'empty' },
    { namespace: 'a', name: 'absent' },
  ];
  dns.watch(referencesTo([byName, empty, absent]));
  await known(byName);
  dns.useResolver(undefined, false);
  assert.equal(dns.portsOf(byName), undefined);
  dns.useResolver(undefined);
  assert.deepEqual(
    [byName, empty, absent].map((service) => dns.portsOf(service)),
    [[5353], undefined, undefined],
  );
  await dns.stop();
  const stuck = setUp([sliceAt(5353)], () => new Promise(() => {}));
  stuck.dns.useResolver(undefined);
  stuck.dns.watch(referencesTo([byName]));
  await stuck.clock.advanceAsync(10_000);
  assert.deepEqual([stuck.dns.serversOf(byName), stuck.dns.portsOf(byName)], [[], undefined]);
  await stuck.dns.stop();
});

test('without a name and without the usual label the ports are those of the resolver', async () => {
  const { dns, known } = setUp([sliceAt(5353)]);
  dns.useResolver(byName);
  dns.watch(referencesTo([byLabel]));
  await known(byLabel);
  assert.deepEqual(dns.portsOf(byLabel), [5353]);
  await dns.stop();
});

test('the ports of a Service beside the resolver, of one that is not watched and of one with too many are not told', async () => {
  const many = { namespace: 'many', name: 'dns' };
  const { dns, known } = setUp([sliceAt(53), ...Array.from({ length: 9 }, (_, n) => sliceAt(1000 + n, many))]);
  const others = Array.from({ length: maxDnsServices }, (_, n) => ({ namespace: 'team', name: `dns-${n}` }));
  const beside = { namespace: byName.namespace, name: 'other' };
  dns.useResolver(byName);
  dns.watch(referencesTo([byName, many, beside, ...others]));
  await known(byName);
  assert.deepEqual(
    [byName, many, beside, others.at(-1)!].map((service) => dns.portsOf(service)),
    [[53], [], [], []],
  );
  await dns.stop();
});

test('a Service that no NetExporter refers to is not watched, and is watched again when one does', async () => {
  const { dns, known, clock, watching, listed } = setUp([slice('10.0.0.1')]);
  dns.watch(referencesTo([byName]));
  await known(byName);
  dns.watch(referencesTo([byName]));
  assert.deepEqual(dns.serversOf(byName), ['10.0.0.1:53']);
  assert.equal(listed.length, 1, 'the same Services are no reason to list again');
  dns.watch(referencesTo([]));
  assert.equal(dns.serversOf(byName), undefined);
  await until(() => watching.size === 0, 'the watch has ended');
  for (let toggle = 0; toggle < 10; toggle++) dns.watch(referencesTo(toggle % 2 === 0 ? [byName] : []));
  dns.watch(referencesTo([byName]));
  assert.equal(listed.length, 1, 'not more than once a second');
  clock.advance(1000);
  await known(byName);
  assert.equal(listed.length, 2);
  await dns.stop();
});

test('64 NetExporters with a DNS Service each cost one watch, and the 65th Service is not watched but said to be too many', async () => {
  const services = Array.from({ length: 66 }, (_, n) => ({ namespace: `team-${n}`, name: `dns-${n}` }));
  const slices = services.map((service, n) => slice(`10.0.1.${n}`, service));
  const { dns, known, watching } = setUp([...slices, slice('10.0.9.9', { namespace: 'stranger', name: 'dns-0' })]);
  dns.watch(referencesTo([...services, byLabel]));
  await known(services[0]!);
  assert.deepEqual(dns.serversOf(services[0]!), ['10.0.1.0:53'], 'the same name elsewhere is another Service');
  assert.deepEqual(dns.serversOf(services[maxDnsServices - 1]!), ['10.0.1.63:53']);
  assert.deepEqual(dns.serversOf(services[maxDnsServices]!), []);
  assert.deepEqual(
    services.slice(62).map((service) => dns.isBeyondLimit(service)),
    [false, false, true, true],
  );
  assert.equal(dns.isMissing(services[maxDnsServices]!), false);
  await until(() => watching.size === 2, 'one watch by names and one by label run');
  const [byNames = ''] = [...watching].filter((selector) => selector.includes(' in ('));
  assert.equal(byNames.split(',').length, maxDnsServices);
  const [first, ...others] = services as [typeof byName, ...(typeof byName)[]];
  dns.watch(referencesTo([services[65]!, services[64]!, ...services.slice(0, 64)]));
  assert.deepEqual([dns.isBeyondLimit(first), dns.isBeyondLimit(services[64]!)], [false, true], 'the first stay');
  dns.watch(referencesTo(others));
  assert.deepEqual([dns.isBeyondLimit(services[64]!), dns.isBeyondLimit(services[65]!)], [false, true], 'one moves up');
  await dns.stop();
  assert.equal(watching.size, 0);
});

/** Slices of a Service with this many endpoints each. */
function slicesOf(service: typeof byName, count: number, endpoints: number, labels = {}): KubeObject[] {
  return Array.from({ length: count }, (_, n) => ({
    ...slice(`10.${n}.0.0`, service, labels),
    endpoints: Array.from({ length: endpoints }, (_, i) => ({
      addresses: [`10.${n}.${i >> 8}.${i & 255}`],
      targetRef: { kind: 'Pod', uid: `${n}-${i}${'x'.repeat(i === 0 ? 1_000_000 : 0)}` },
    })),
  }));
}

test('of a Service with 20,000 endpoints a thousand are kept, and others keep theirs', async () => {
  const stranger = { namespace: 'stranger', name: 'dns' };
  const inStrangers = { namespace: 'stranger', name: '' };
  const { dns, known } = setUp([
    ...slicesOf(stranger, 20, 1000, usual),
    ...slicesOf(byName, 3, 300),
    slice('10.9.9.9', { namespace: 'stranger', name: 'other' }),
  ]);
  const before = heapUsed();
  dns.watch(referencesTo([stranger, byName, inStrangers]));
  for (const service of [stranger, byName, inStrangers]) await known(service);
  const count = (service: typeof byName) => dns.serversOf(service)!.length;
  assert.deepEqual([stranger, byName, inStrangers].map(count), [1000, 900, 1000]);
  assert.deepEqual(
    [stranger, byName, inStrangers].map((service) => dns.hasTooManyPods(service)),
    [true, false, true],
  );
  assert.ok(heapUsed() - before < 5e6);
  await dns.stop();
});

test('the DNS of at most 64 namespaces is found by its label', async () => {
  const unnamed = Array.from({ length: 66 }, (_, n) => ({ namespace: `team-${n}`, name: '' }));
  const { dns, known } = setUp(
    unnamed.map(({ namespace }, n) => slice(`10.0.1.${n}`, { namespace, name: 'd' }, usual)),
  );
  dns.watch(referencesTo(unnamed));
  await known(unnamed[0]!);
  assert.deepEqual(
    unnamed.slice(62).map((service) => [dns.serversOf(service)!.length, dns.isBeyondLimit(service)]),
    [
      [1, false],
      [1, false],
      [0, true],
      [0, true],
    ],
  );
  await dns.stop();
});

test('the DNS of the cluster is watched before that of other namespaces', async () => {
  const unnamed = Array.from({ length: 64 }, (_, n) => ({ namespace: `team-${n}`, name: '' }));
  assert.deepEqual(defaultSpec().dns.service, byLabel);
  const usualDns = { namespace: 'openshift-dns', name: '' };
  const resolver = { namespace: 'openshift-dns', name: 'dns-default' };
  const pods = [slice('10.0.0.1', byName, usual), slice('10.0.0.2', resolver, usual)];
  const { dns, clock } = setUp(pods);
  dns.watch(referencesTo(unnamed));
  dns.watch(referencesTo([...unnamed, usualDns, byLabel]));
  assert.deepEqual([dns.isBeyondLimit(byLabel), dns.isBeyondLimit(usualDns)], [false, true]);
  dns.useResolver(resolver);
  assert.deepEqual([dns.isBeyondLimit(byLabel), dns.isBeyondLimit(usualDns)], [false, false]);
  assert.deepEqual(
    unnamed.slice(61).map((service) => dns.isBeyondLimit(service)),
    [false, true, true],
  );
  clock.advance(1000);
  await until(() => [byLabel, usualDns].every((service) => dns.serversOf(service)), 'their pods are known');
  assert.deepEqual([dns.serversOf(byLabel), dns.serversOf(usualDns)], [['10.0.0.1:53'], ['10.0.0.2:53']]);
  const named = Array.from({ length: 64 }, (_, n) => ({ namespace: 'team', name: `dns-${n}` }));
  dns.watch(referencesTo(named));
  dns.watch(referencesTo([...named, resolver]));
  assert.deepEqual([dns.isBeyondLimit(resolver), dns.isBeyondLimit(named[63]!)], [false, true]);
  await dns.stop();
});

for (const [what, toService] of [
  ['Services by name', (n: number) => ({ namespace: 'tenant', name: `dns-${n}` })],
  ['namespaces', (n: number) => ({ namespace: `tenant-${n}`, name: '' })],
] as const)
  test(`a namespace with many NetExporters displaces no others if they refer to too many ${what}`, async () => {
    const { dns } = setUp([]);
    const many = Array.from({ length: 100 }, (_, n) => toService(n));
    const others = Array.from({ length: 10 }, (_, n) => ({ service: toService(1000 + n), from: `team-${n}` }));
    dns.watch(referencesTo(many, 'tenant'));
    dns.watch([...referencesTo(many, 'tenant'), ...others]);
    assert.ok(others.every(({ service }) => !dns.isBeyondLimit(service)));
    const watched = () => many.filter((service) => !dns.isBeyondLimit(service));
    assert.deepEqual(watched(), many.slice(0, 54));
    dns.watch([...others, ...referencesTo(many.toReversed(), 'tenant')]);
    assert.deepEqual(watched(), many.slice(0, 54), 'those that are watched stay');
    dns.watch([...referencesTo(many, 'tenant'), ...referencesTo(many.slice(-1), 'team-0'), ...others]);
    assert.equal(dns.isBeyondLimit(many[99]!), false, 'another namespace refers to it too');
    await dns.stop();
  });

test('of the DNS of a cluster with 1,300 nodes and two address families all pods are known', async () => {
  const openshift = { namespace: 'openshift-dns', name: 'dns-default' };
  const both = [byName, openshift].flatMap((service) => slicesOf(service, 26, 100, usual));
  const { dns, known, clock } = setUp(both);
  dns.watch(referencesTo([byName, byLabel, openshift]));
  for (const service of [byName, byLabel, openshift]) await known(service);
  const counts = () =>
    [byName, byLabel, openshift].map((service) => [dns.serversOf(service)!.length, dns.hasTooManyPods(service)]);
  assert.deepEqual(counts(), [
    [2600, false],
    [2600, false],
    [1000, true],
  ]);
  dns.useResolver(openshift);
  clock.advance(1000);
  await until(() => !dns.hasTooManyPods(openshift), 'its namespace is known to be that of the cluster DNS');
  assert.equal(dns.serversOf(openshift)!.length, 2600);
  await dns.stop();
});

test('while the slices of one more Service are listed, the pods of the others stay known', async () => {
  let held = Promise.resolve();
  const other = { namespace: 'kube-system', name: 'other' };
  const content = [slice('10.0.0.1'), slice('10.0.0.2', other)];
  const { dns, known, clock, listed, watching } = setUp(content, () => held);
  dns.watch(referencesTo([byName]));
  await known(byName);
  clock.advance(1000);
  const { promise, resolve } = Promise.withResolvers<void>();
  held = promise;
  dns.watch(referencesTo([byName, other]));
  await until(() => listed.length === 2, 'the new list has begun');
  assert.deepEqual(dns.notices, [], 'that is no news');
  assert.deepEqual([dns.serversOf(byName), dns.serversOf(other)], [['10.0.0.1:53'], undefined]);
  assert.equal(watching.size, 1);
  resolve();
  await known(other);
  assert.deepEqual([dns.serversOf(byName), dns.serversOf(other)], [['10.0.0.1:53'], ['10.0.0.2:53']]);
  await until(
    () => [...watching].join() === 'kubernetes.io/service-name in (coredns,other)',
    'the old watch has ended',
  );
  await dns.stop();
});

test('a Service that changes all the time causes one list a second, and each completes', async () => {
  const { dns, clock, listed, known } = setUp([slice('10.0.0.1')]);
  dns.watch(referencesTo([byName]));
  await known(byName);
  for (let edit = 0; edit < 100; edit++) {
    dns.watch(referencesTo([byName, { namespace: 'tenant', name: `dns-${edit}` }]));
    assert.deepEqual(dns.serversOf(byName), ['10.0.0.1:53']);
    await clock.advanceAsync(100);
  }
  assert.ok(listed.length >= 5 && listed.length <= 12, `${listed.length} lists in 10 seconds`);
  await dns.stop();
});

test('a list that does not end does not keep other Services from being listed', async () => {
  let held: Promise<void> = new Promise(() => {});
  const { dns, clock, listed, known } = setUp([slice('10.0.0.1')], () => held);
  dns.watch(referencesTo([{ namespace: 'tenant', name: 'slow' }]));
  await until(() => listed.length === 1, 'a list has begun');
  held = Promise.resolve();
  dns.watch(referencesTo([byName]));
  assert.equal(listed.length, 1);
  clock.advance(5000);
  await known(byName);
  await until(() => dns.serversOf(byName)?.length === 1, 'they are listed');
  await dns.stop();
});

test('an EndpointSlice that cannot be read is counted and named, and the others of its Service are used', async () => {
  const broken = { ...slice('10.0.0.9'), endpoints: [{ addresses: null }] };
  const { dns, faults, known } = setUp([broken, slice('10.0.0.1')]);
  dns.watch(referencesTo([byName]));
  await known(byName);
  assert.deepEqual([dns.serversOf(byName), faults], [['10.0.0.1:53'], ['endpointslices']]);
  assert.match(dns.notices.join(), /cannot process 1 of the endpointslices.*: kube-system\/slice-10\.0\.0\.9$/);
  await dns.stop();
});
