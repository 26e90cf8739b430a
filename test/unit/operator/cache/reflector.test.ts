import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Reflector } from '../../../../src/operator/cache/reflector.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import type { ListPage, WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiError, errorOfAnswer } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock } from '../../wall-clocks.ts';

const resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };

function pod(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'n', uid: name, resourceVersion } };
}

function page(resourceVersion: string, items: KubeObject[], next?: string): ListPage {
  return { metadata: { resourceVersion, ...(next && { continue: next }) }, items };
}

type Watched = (WatchEvent | Error)[];

/** An API server that answers as it was told, call by call. A watch without an answer stays open. */
interface Answers {
  lists: (ListPage | Error)[];
  watches: (Watched | Error | 'open')[];
  /** What is the newest, each time that it is asked for; 999 where nothing is said. */
  versions?: string[];
}

function setUp(answers: Answers, clock = new FakeClock()) {
  const store = new Store<string>();
  const asked: string[] = [];
  /** The names of objects that cannot be transformed. */
  const unfit = new Set<string>();
  const faults: string[] = [];
  const lines: { level: string; msg: string; err?: { message: string } }[] = [];
  const log = operatorLogger('info', { write: (line) => lines.push(JSON.parse(line)) });
  async function* events(answer: Watched | 'open', signal: AbortSignal) {
    for (const event of answer === 'open' ? [] : answer) {
      if (event instanceof Error) throw event;
      yield event;
    }
    if (answer !== 'open') return;
    if (!signal.aborted) await once(signal, 'abort');
    throw new ApiError('Cancelled', 'aborted');
  }
  const client = {
    list: async (_resource: unknown, query: { limit?: number | undefined; continue?: string | undefined }) => {
      if (query.limit === 1) {
        const version = answers.versions?.shift() ?? '999';
        asked.push('newest version');
        return page(version, []);
      }
      assert.equal(query.limit, 500);
      asked.push(`list ${query.continue ?? 'first'}`);
      const answer = answers.lists.shift();
      assert.ok(answer, 'a list too many');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    watch: async (
      _resource: unknown,
      query: { resourceVersion: string; timeoutSeconds: number },
      idleMs: number,
      signal: AbortSignal,
    ) => {
      assert.ok(query.timeoutSeconds >= 300 && query.timeoutSeconds <= 600 && idleMs < 90_000);
      asked.push(`watch from ${query.resourceVersion}`);
      const answer = answers.watches.shift() ?? 'open';
      if (answer instanceof Error) throw answer;
      return events(answer, signal);
    },
  };
  const transform = ({ metadata }: KubeObject) => {
    if (unfit.has(metadata.name)) throw new TypeError('nobody can read it');
    return metadata.resourceVersion;
  };
  const onFault = ({ plural }: { plural: string }) => faults.push(plural);
  const reflector = new Reflector({ client, resource, transform, store, onFault, clock, random: () => 0, log });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  const waiting = () => until(() => clock.pending === 1, 'it waits');
  return {
    clock,
    store,
    unfit,
    faults,
    asked,
    lines,
    reflector,
    content: () =>
      Object.fromEntries(['a', 'b', 'c'].map((name) => [name, store.get(`n/${name}`)]).filter(([, v]) => v)),
    async asking(last: string) {
      await until(() => asked.at(-1) === last, `it asks to ${last}; it asked to ${asked.join(', ')}`);
    },
    waiting,
    /** Lets a pause pass, and tells how long it was. */
    async pause() {
      await waiting();
      const ms = clock.next!;
      clock.advance(ms);
      return ms;
    },
    async end() {
      stop.abort();
      await running;
    },
  };
}

test('it lists every page, then watches from the version of the list', async () => {
  const { reflector, content, asking, asked, end } = setUp({
    lists: [page('5', [pod('a', '3')], 'more'), page('5', [pod('b', '4')])],
    watches: [],
  });
  assert.equal(reflector.hasSynced, false);
  await asking('watch from 5');
  assert.deepEqual(asked, ['list first', 'list more', 'watch from 5']);
  assert.deepEqual(content(), { a: '3', b: '4' });
  assert.equal(reflector.hasSynced, true);
  await reflector.synced;
  await end();
});

test('events change the store, and a watch that ends is resumed from the last version, bookmarks included', async () => {
  const { content, asking, asked, pause, end } = setUp({
    lists: [page('5', [pod('a', '3'), pod('b', '4')])],
    watches: [
      [
        { type: 'ADDED', object: pod('c', '6') },
        { type: 'MODIFIED', object: pod('a', '7') },
        { type: 'DELETED', object: pod('b', '8') },
      ],
      [{ type: 'BOOKMARK', object: pod('', '20') }],
    ],
  });
  await pause();
  await pause();
  await asking('watch from 20');
  assert.deepEqual(asked, ['list first', 'watch from 5', 'watch from 8', 'watch from 20']);
  assert.deepEqual(content(), { a: '7', c: '6' });
  await end();
});

test('a watch that breaks is resumed after a pause, without listing all again and without losing an event', async () => {
  const { content, asking, pause, asked, end } = setUp({
    lists: [page('5', [])],
    watches: [
      [{ type: 'ADDED', object: pod('a', '6') }, new ApiError('Unavailable', 'cut')],
      [{ type: 'ADDED', object: pod('b', '7') }],
    ],
  });
  await pause();
  await pause();
  await asking('watch from 7');
  assert.deepEqual(asked, ['list first', 'watch from 5', 'newest version', 'watch from 6', 'watch from 7']);
  assert.deepEqual(content(), { a: '6', b: '7' });
  await end();
});

for (const [how, gone] of [
  ['as an answer', new ApiError('Gone', 'too old', { status: 410 })],
  ['as an event', [{ type: 'ERROR', object: { code: 410, reason: 'Expired' } as unknown as KubeObject }]],
] as [string, Watched | Error][])
  test(`a version that is gone (${how}) leads to a new list, which also finds what was deleted meanwhile`, async () => {
    const { clock, content, asking, waiting, asked, end } = setUp({
      lists: [page('5', [pod('a', '3'), pod('b', '4')]), page('50', [pod('b', '40')])],
      watches: [gone],
    });
    await waiting();
    assert.deepEqual(content(), { a: '3', b: '4' });
    clock.advance(100);
    await asking('watch from 50');
    assert.deepEqual(asked, ['list first', 'watch from 5', 'list first', 'watch from 50']);
    assert.deepEqual(content(), { b: '40' });
    await end();
  });

test('pages that are gone are begun again, and nothing of them is kept', async () => {
  const { content, asking, asked, pause, end } = setUp({
    lists: [page('5', [pod('a', '3')], 'more'), new ApiError('Gone', 'too old'), page('9', [pod('b', '8')])],
    watches: [],
  });
  assert.equal(await pause(), 100);
  await asking('watch from 9');
  assert.deepEqual(asked, ['list first', 'list more', 'list first', 'watch from 9']);
  assert.deepEqual(content(), { b: '8' });
  await end();
});

testWithEachWallClock('failures in a row wait longer each time, up to two seconds', async (newClock) => {
  const failure = new ApiError('Unavailable', 'away');
  const { pause, asked, end } = setUp({ lists: Array.from({ length: 9 }, () => failure), watches: [] }, newClock());
  const waits: number[] = [];
  for (let turn = 1; turn < 7; turn++) {
    waits.push(await pause());
    await until(() => asked.length === turn + 1, 'it asks again');
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  await end();
});

test('it waits as long as the API server asks for', async () => {
  const busy = new ApiError('TooManyRequests', 'busy', { status: 429, retryAfterMs: 4000 });
  const { pause, end } = setUp({ lists: [busy, page('5', [])], watches: [] });
  assert.equal(await pause(), 4000);
  await end();
});

for (const [how, watch] of [
  ['at once', []],
  ['after one event', [{ type: 'ADDED', object: pod('a', '6') }]],
  ['with 410 each time', [{ type: 'ERROR', object: { code: 410 } as unknown as KubeObject }]],
] as [string, Watched][])
  test(`watches that end ${how} are no reason to storm`, async () => {
    const lists = Array.from({ length: 8 }, () => page('5', []));
    const { pause, asked, end } = setUp({ lists, watches: Array.from({ length: 8 }, () => watch) });
    const waits: number[] = [];
    for (let turn = 1; turn < 6; turn++) {
      waits.push(await pause());
      await until(() => asked.filter((line) => line.startsWith('watch')).length === turn + 1, 'it watches again');
    }
    assert.deepEqual(waits, [100, 200, 400, 800, 1000]);
    await end();
  });

testWithEachWallClock(
  'a watch that lived is resumed at once, and the next failure is a first one',
  async (newClock) => {
    const failure = new ApiError('Unavailable', 'away');
    const { clock, store, pause, asking, waiting, asked, end } = setUp(
      {
        lists: [failure, failure, page('5', [])],
        watches: [[{ type: 'ADDED', object: pod('a', '6') }], failure],
      },
      newClock(),
    );
    store.onChange(() => clock.advance(10_000));
    assert.deepEqual([await pause(), await pause()], [100, 200]);
    await asking('watch from 6');
    await waiting();
    assert.deepEqual(asked.slice(-2), ['watch from 5', 'watch from 6']);
    assert.equal(await pause(), 100);
    await end();
  },
);

test('what is told a second time is not taken back to what it was', async () => {
  const { content, asking, pause, end } = setUp({
    lists: [page('5', [pod('a', '3')])],
    watches: [
      [
        { type: 'MODIFIED', object: pod('a', '8') },
        { type: 'DELETED', object: pod('b', '7') },
        { type: 'MODIFIED', object: pod('a', '6') },
        { type: 'BOOKMARK', object: pod('', '4') },
      ],
    ],
  });
  await pause();
  await asking('watch from 8');
  assert.deepEqual(content(), { a: '8' });
  await end();
});

test('what is no event and no list changes nothing, and is asked for again', async () => {
  const { content, asking, pause, asked, end } = setUp({
    lists: [{} as ListPage, { metadata: { resourceVersion: '5' }, items: null } as unknown as ListPage],
    watches: [
      [null as unknown as WatchEvent],
      [{ type: 'ADDED', object: { ...pod('a', '6'), kind: 'Node' } }],
      [{ type: 'ADDED', object: { apiVersion: 'v1', kind: 'Pod' } as KubeObject }],
      [{ type: 'ADDED', object: pod('a', '6') }, 'open' as unknown as WatchEvent],
    ],
  });
  for (let turn = 0; turn < 5; turn++) await pause();
  await asking('watch from 6');
  assert.deepEqual(content(), { a: '6' });
  assert.deepEqual(asked.slice(0, 3), ['list first', 'list first', 'watch from 5']);
  await end();
});

test('each reason for which it fails is told once, with what to do, and that it works again', async () => {
  const forbidden = errorOfAnswer(
    403,
    '{"reason":"Forbidden","message":"pods is forbidden: User \\"u\\" cannot list resource \\"pods\\" in API group \\"\\" at the cluster scope"}',
    undefined,
    0,
  );
  const away = new ApiError('Unavailable', 'away');
  const { pause, waiting, asking, lines, reflector, end } = setUp({
    lists: [forbidden, away, forbidden, away, forbidden, page('5', [])],
    watches: [],
  });
  assert.equal(reflector.obstacle, 'waiting for the first list of pods');
  await waiting();
  assert.match(
    reflector.obstacle!,
    /^cannot list pods: .*; grant the verb list on pods \(API group ""\) in the ClusterRole net-exporter-operator/,
  );
  for (let turn = 0; turn < 5; turn++) await pause();
  await asking('watch from 5');
  await until(() => lines.length === 3, 'three lines were written');
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'warn', 'info'],
  );
  assert.match(lines[0]!.err?.message ?? '', /grant the verb list on pods/);
  assert.equal(reflector.obstacle, undefined);
  await end();
});

test('a full cache is no longer trusted when someone has to mend what keeps it from being kept up', async () => {
  const away = new ApiError('Unavailable', 'away');
  const { pause, waiting, reflector, end } = setUp({
    lists: [page('5', [])],
    watches: [away, new ApiError('Forbidden', 'no'), 'open'],
  });
  await waiting();
  assert.equal(reflector.obstacle, undefined);
  await pause();
  await waiting();
  assert.equal(reflector.obstacle, 'cannot watch pods: no');
  await pause();
  await until(() => reflector.obstacle === undefined, 'it works again');
  await end();
});

test('a server that was set back to a backup is listed anew, and that is told', async () => {
  const { store, lines, content, asking, asked, pause, end } = setUp({
    lists: [page('50', [pod('a', '40'), pod('b', '30')]), page('35', [pod('b', '30')])],
    watches: [[{ type: 'MODIFIED', object: pod('a', '60') }, new ApiError('Unavailable', 'cut')], 'open'],
    versions: ['35'],
  });
  const told: Record<string, string>[] = [];
  store.onRewound(() => told.push(content() as Record<string, string>));
  await pause();
  await asking('watch from 35');
  assert.deepEqual(asked, ['list first', 'watch from 50', 'newest version', 'list first', 'watch from 35']);
  assert.deepEqual(told, [{ b: '30' }]);
  assert.match(lines.map(({ msg }) => msg).join('\n'), /as after a restore of etcd; listing again/);
  await end();
});

test('a watch that says nothing is resumed once it is known that the server is not behind', async () => {
  const { store, asking, asked, pause, end } = setUp({
    lists: [page('50', [])],
    watches: [[], [{ type: 'BOOKMARK', object: pod('', '70') }], 'open'],
    versions: ['50'],
  });
  store.onRewound(() => assert.fail('nothing was set back'));
  await pause();
  await pause();
  await asking('watch from 70');
  assert.deepEqual(asked, ['list first', 'watch from 50', 'newest version', 'watch from 50', 'watch from 70']);
  await end();
});

test('stopping ends it, whatever it does', async () => {
  const waitingForRetry = setUp({ lists: [new ApiError('Forbidden', 'no')], watches: [] });
  await waitingForRetry.waiting();
  await waitingForRetry.end();
  assert.equal(waitingForRetry.reflector.hasSynced, false);
});

test('an object that cannot be processed stays as it was known, is counted and logged once, and the others go on', async () => {
  const added = (name: string, version: string) => ({ type: 'ADDED', object: pod(name, version) }) as WatchEvent;
  const { reflector, unfit, faults, store, content, lines, pause, asking, end } = setUp({
    lists: [page('10', [pod('a', '1'), pod('b', '2')]), page('50', [pod('a', '48'), pod('b', '49'), pod('c', '50')])],
    watches: [[added('b', '11'), added('a', '12'), added('c', '13')], new ApiError('Gone', 'too old')],
  });
  unfit.add('b');
  await reflector.synced;
  await pause();
  await asking('watch from 13');
  assert.deepEqual([content(), faults], [{ a: '12', c: '13' }, ['pods', 'pods']]);
  unfit.clear();
  store.onChange(({ key }) => {
    if (key === 'n/a') throw new RangeError('what follows from it fails');
  });
  unfit.add('c');
  await pause();
  await asking('watch from 50');
  assert.deepEqual(content(), { a: '48', b: '49', c: '13' });
  assert.equal(faults.length, 4);
  const told = lines.filter(({ msg }) => msg.startsWith('cannot process'));
  assert.equal(told.length, 2, 'once for each reason');
  await end();
});

test('an object that cannot be processed does not stay as a deleted one of the same name was', async () => {
  const successor = { ...pod('a', '30'), metadata: { ...pod('a', '30').metadata, uid: 'another' } };
  const { reflector, unfit, content, pause, asking, end } = setUp({
    lists: [page('10', [pod('a', '1'), pod('b', '2')]), page('50', [successor, pod('b', '40')])],
    watches: [new ApiError('Gone', 'too old')],
  });
  await reflector.synced;
  unfit.add('a').add('b');
  await pause();
  await asking('watch from 50');
  assert.deepEqual(content(), { b: '2' });
  await end();
});
