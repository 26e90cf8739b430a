import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListPage, WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { Reflector } from '../../../../src/operator/kube/reflector.ts';
import { Store } from '../../../../src/operator/kube/store.ts';
import { FakeClock, until } from '../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };

function pod(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'n', uid: name, resourceVersion } };
}

function page(resourceVersion: string, items: KubeObject[], next?: string): ListPage {
  return { metadata: { resourceVersion, ...(next && { continue: next }) }, items };
}

/** An API server that answers as it was told, call by call. A watch without an answer stays open. */
function setUp(answers: { lists: (ListPage | Error)[]; watches: ((WatchEvent | Error)[] | 'open')[] }) {
  const clock = new FakeClock();
  const store = new Store<string>();
  const asked: string[] = [];
  const client = {
    list: async (_resource: unknown, query: { limit?: number | undefined; continue?: string | undefined }) => {
      asked.push(`list ${query.continue ?? (query.limit ? 'first' : 'all')}`);
      const answer = answers.lists.shift();
      assert.ok(answer, 'a list too many');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async *watch(_resource: unknown, query: { resourceVersion: string }, _idleMs: number, signal: AbortSignal) {
      asked.push(`watch from ${query.resourceVersion}`);
      const answer = answers.watches.shift() ?? 'open';
      for (const event of answer === 'open' ? [] : answer) {
        if (event instanceof Error) throw event;
        yield event;
      }
      if (answer !== 'open') return;
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new ApiError('Unavailable', 'aborted'))),
      );
    },
  };
  const transform = ({ metadata }: KubeObject) => metadata.resourceVersion;
  const reflector = new Reflector({ client, resource, transform, store, clock, random: () => 0, log: quietLog });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  return {
    clock,
    store,
    asked,
    reflector,
    content: () =>
      Object.fromEntries(['a', 'b', 'c'].map((name) => [name, store.get(`n/${name}`)]).filter(([, v]) => v)),
    async asking(last: string) {
      await until(() => asked.at(-1) === last, `it asks to ${last}; it asked to ${asked.join(', ')}`);
    },
    async waiting() {
      await until(() => clock.pending === 1, 'it waits');
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
  const { content, asking, asked, end } = setUp({
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
  await asking('watch from 20');
  assert.deepEqual(asked, ['list first', 'watch from 5', 'watch from 8', 'watch from 20']);
  assert.deepEqual(content(), { a: '7', c: '6' });
  await end();
});

test('a watch that breaks is resumed after a pause, without a list and without losing an event', async () => {
  const { clock, content, asking, waiting, asked, end } = setUp({
    lists: [page('5', [])],
    watches: [
      [{ type: 'ADDED', object: pod('a', '6') }, new ApiError('Unavailable', 'cut')],
      [{ type: 'ADDED', object: pod('b', '7') }],
    ],
  });
  await waiting();
  clock.advance(100);
  await asking('watch from 7');
  assert.deepEqual(asked, ['list first', 'watch from 5', 'watch from 6', 'watch from 7']);
  assert.deepEqual(content(), { a: '6', b: '7' });
  await end();
});

for (const [how, gone] of [
  ['as an answer', [new ApiError('Gone', 'too old', { status: 410 })]],
  ['as an event', [{ type: 'ERROR', object: { code: 410, reason: 'Expired' } as unknown as KubeObject }]],
] as [string, (WatchEvent | Error)[]][])
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

test('pages that are gone are read again as a whole', async () => {
  const { content, asking, asked, end } = setUp({
    lists: [page('5', [pod('a', '3')], 'more'), new ApiError('Gone', 'too old'), page('9', [pod('b', '8')])],
    watches: [],
  });
  await asking('watch from 9');
  assert.deepEqual(asked, ['list first', 'list more', 'list all', 'watch from 9']);
  assert.deepEqual(content(), { b: '8' });
  await end();
});

test('failures in a row wait longer each time, up to two seconds', async () => {
  const failure = new ApiError('Unavailable', 'away');
  const { clock, waiting, asked, end } = setUp({ lists: Array.from({ length: 9 }, () => failure), watches: [] });
  const waits: number[] = [];
  for (let turn = 1; turn < 7; turn++) {
    await waiting();
    let waited = 0;
    for (; clock.pending > 0; waited += 50) clock.advance(50);
    waits.push(waited);
    await until(() => asked.length === turn + 1, 'it asks again');
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  await end();
});

test('a watch that ends at once without an event is a failure and no reason to storm', async () => {
  const { clock, waiting, asking, asked, end } = setUp({ lists: [page('5', [])], watches: [[], []] });
  await waiting();
  assert.deepEqual(asked, ['list first', 'watch from 5']);
  clock.advance(100);
  await waiting();
  clock.advance(200);
  await asking('watch from 5');
  await until(() => asked.length === 4, 'the third watch is open');
  await end();
});

test('stopping ends it, whatever it does', async () => {
  const waitingForRetry = setUp({ lists: [new ApiError('Forbidden', 'no')], watches: [] });
  await waitingForRetry.waiting();
  await waitingForRetry.end();
  assert.equal(waitingForRetry.reflector.hasSynced, false);
});
