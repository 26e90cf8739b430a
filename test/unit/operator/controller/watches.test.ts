import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pausedAnnotation } from '../../../../src/contract/agent-names.ts';
import { isPartial } from '../../../../src/operator/cache/child-object.ts';
import { Watches, type WatchesOptions } from '../../../../src/operator/controller/watches.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

test('a restore of etcd that any of the caches finds is told', () => {
  let told = 0;
  const nobody = async () => {
    throw new ApiError('Unavailable', 'away');
  };
  const watches = new Watches({
    ...{ clock: new FakeClock(), random: () => 0, log: quietLog },
    client: { list: nobody, watch: nobody } as unknown as WatchesOptions['client'],
    ...{ onResource() {}, onChild() {}, onPod() {}, onNode() {}, onOptional() {}, onFault() {} },
    onRewound: () => told++,
  });
  const stores = [
    watches.resources,
    watches.pods,
    watches.nodes,
    watches.podMonitors.store,
    watches.prometheusRules.store,
  ];
  for (const { store } of watches.kinds.values()) stores.push(store as never);
  assert.ok(stores.length > 5);
  for (const [index, store] of stores.entries()) {
    store.rewound();
    assert.equal(told, index + 1);
  }
});

test('of the metadata of a NetExporter only what is used is kept', async () => {
  const metadata = { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '5', generation: 2, creationTimestamp: 't' };
  const huge = 'x'.repeat(200_000);
  const stored = {
    ...metadata,
    labels: { team: huge },
    annotations: { [pausedAnnotation]: 'true', 'kubectl.kubernetes.io/last-applied-configuration': huge },
    finalizers: [huge],
  };
  const finalizers = Array.from({ length: 50 }, (_, index) => `example.com/${index}`);
  const held = { ...metadata, name: 'b', uid: 'v', deletionTimestamp: 't', finalizers };
  const client = {
    list: async ({ plural }: { plural: string }) => ({
      metadata: { resourceVersion: '7' },
      items: plural === 'netexporters' ? [stored, held].map((metadata) => ({ metadata, spec: {} })) : [],
    }),
    watch: async () => Promise.reject(new ApiError('Unavailable', 'away')),
  };
  const watches = new Watches({
    ...{ clock: new FakeClock(), random: () => 0, log: quietLog },
    client: client as unknown as WatchesOptions['client'],
    ...{ onResource() {}, onChild() {}, onPod() {}, onNode() {}, onOptional() {}, onFault() {}, onRewound() {} },
  });
  const end = new AbortController();
  const running = watches.reflectors[0]!.run(end.signal);
  await watches.reflectors[0]!.synced;
  assert.deepEqual(watches.resources.get('n/a')?.metadata, {
    ...metadata,
    annotations: { [pausedAnnotation]: 'true' },
  });
  const { metadata: deleted } = watches.resources.get('n/b')!;
  assert.deepEqual(deleted.finalizers, finalizers.slice(0, 10), 'the first of those that a deletion waits for');
  end.abort();
  await running;
});

/** Watches of a cluster whose children of every kind have these names, and 60 kB each. Each change lists them again. */
async function watchChildren(names: string[]) {
  let version = 7;
  const versions = new Map<string, number>();
  const child = (name: string) => ({
    metadata: {
      ...{ name: `${name}-agent`, namespace: 'n', uid: name, resourceVersion: `${versions.get(name) ?? 7}` },
      ownerReferences: [
        { apiVersion: 'net-exporter.dev/v1alpha1', kind: 'NetExporter', name, uid: 'u', controller: true },
      ],
    },
    data: { text: 'x'.repeat(60_000) },
  });
  const gone = () => new ApiError('Gone', 'too old', { status: 410 });
  let lists = 0;
  const client = {
    list: async ({ plural }: { plural: string }) => {
      if (plural === 'configmaps') lists++;
      return { metadata: { resourceVersion: String(version) }, items: names.map(child) };
    },
    watch: async () => Promise.reject(gone()),
    served: async () =>
      ['podmonitors', 'prometheusrules'].map((name) => ({ name, verbs: ['create', 'list', 'watch'] })),
  };
  const clock = new FakeClock();
  const watches = new Watches({
    ...{ clock, random: () => 0, log: quietLog },
    client: client as unknown as WatchesOptions['client'],
    ...{ onResource() {}, onChild() {}, onPod() {}, onNode() {}, onOptional() {}, onFault() {}, onRewound() {} },
  });
  const end = new AbortController();
  const { store } = watches.kinds.get('v1 ConfigMap')!;
  const running = Promise.all(watches.reflectors.map((reflector) => reflector.run(end.signal)));
  await Promise.all(watches.reflectors.map(({ synced }) => synced));
  const wholeIn = (objects: Iterable<KubeObject>) =>
    [...objects].filter((object) => !isPartial(object)).map(({ metadata }) => metadata.uid);
  return {
    store,
    whole: () => wholeIn(store.values()),
    wholeMonitors: () => wholeIn(watches.podMonitors.store.values()),
    /** These have changed, or are new. */
    change(changed: string[]): void {
      version++;
      for (const name of changed) versions.set(name, version);
    },
    /** Waits until there have been so many lists more. */
    async listAgain(count: number): Promise<void> {
      const enough = lists + count;
      await until(() => {
        clock.advance(1000);
        return lists > enough;
      }, 'they are listed again');
    },
    async end(): Promise<void> {
      end.abort();
      await running;
    },
  };
}

const maxBytes = 16 * 1024 * 1024;

test('of many large children only some are kept whole, and those that change find memory once others are gone', async () => {
  const names = Array.from({ length: 400 }, (_, n) => `x-${n}`);
  const { store, whole, wholeMonitors, change, listAgain, end } = await watchChildren(names);
  const kept = whole();
  assert.equal(store.size, 400, 'of all of them something is');
  assert.ok(kept.length > 200 && kept.length * 60_000 <= maxBytes, `${kept.length}`);
  assert.equal(wholeMonitors().length, kept.length);
  names.splice(0, 350);
  await listAgain(2);
  change(names);
  await listAgain(2);
  assert.equal(whole().length, 50, 'those that are left are whole');
  await end();
});

test('children that are kept whole still count when they are listed again, wherever new ones are in the list', async () => {
  const names = Array.from({ length: 200 }, (_, n) => `x-${n}`);
  const { store, whole, change, listAgain, end } = await watchChildren(names);
  assert.equal(whole().length, 200);
  for (let list = 0; list < 3; list++) {
    const more = Array.from({ length: 200 }, (_, n) => `a-${list}-${n}`);
    names.unshift(...more);
    change(more);
    await listAgain(2);
    assert.equal(store.size, names.length);
    const kept = new Set(whole());
    assert.ok(kept.size * 60_000 <= maxBytes, `${kept.size} are whole after list ${list}`);
    assert.ok(names.slice(-200).every((name) => kept.has(name)));
  }
  await end();
});
