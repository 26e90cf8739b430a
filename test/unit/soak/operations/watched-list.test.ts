import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WatchedList } from '../../../../soak/operations/watched-list.ts';
import { waitFor } from '../../../cluster/wait.ts';
import type { ApiObject, WatchEvent } from '../../../faults/cluster-api.ts';

const object = (uid: string, value = 0) => ({ metadata: { uid, name: uid }, value }) as unknown as ApiObject;

/** An API server whose lists and watches are these, one after the other; the last watch goes on for ever. */
function server(lists: ApiObject[][], watches: (WatchEvent[] | Error)[]) {
  const asked: string[] = [];
  const api = {
    get: async <T>(path: string): Promise<T> => {
      asked.push(path);
      return { metadata: { resourceVersion: String(lists.length) }, items: lists.shift() } as T;
    },
    async *watch(path: string, signal: AbortSignal) {
      asked.push(path);
      const events = watches.shift();
      if (events instanceof Error) throw events;
      yield* events ?? [];
      if (watches.length === 0) await sleep(60_000, undefined, { signal }).catch(() => {});
    },
  };
  return { api, asked };
}

test('objects are as a list and the changes after it say', async () => {
  const events: WatchEvent[] = [
    { type: 'ADDED', object: object('c') },
    { type: 'MODIFIED', object: object('a', 2) },
    { type: 'BOOKMARK', object: object('') },
    { type: 'DELETED', object: object('b') },
  ];
  const { api, asked } = server([[object('a'), object('b')]], [events]);
  const seen: string[] = [];
  const list = new WatchedList(api, '/api/v1/things?fieldSelector=x', ({ metadata }) => seen.push(metadata.uid));
  const end = new AbortController();
  await list.start(end.signal);
  await waitFor('all changes', () => seen.length === 5, { timeout: 60_000 });
  assert.deepEqual(seen, ['a', 'b', 'c', 'a', 'b']);
  assert.deepEqual(list.objects, [object('a', 2), object('c')]);
  assert.deepEqual(asked, [
    '/api/v1/things?fieldSelector=x',
    '/api/v1/things?fieldSelector=x&watch=1&allowWatchBookmarks=true&resourceVersion=1',
  ]);
  end.abort();
});

test('after a watch that ended or failed it is listed again, and what has gone meanwhile is told', async () => {
  for (const watch of [[], new Error('410 Gone')] as const) {
    const { api } = server([[object('a'), object('b')], [object('b', 1)]], [watch as WatchEvent[] | Error, []]);
    const seen: string[] = [];
    const list = new WatchedList(api, '/api/v1/things', ({ metadata }) => seen.push(metadata.uid));
    const end = new AbortController();
    await list.start(end.signal);
    await waitFor('the second list', () => seen.length === 4, { timeout: 60_000 });
    assert.deepEqual(seen, ['a', 'b', 'b', 'a']);
    assert.deepEqual(list.objects, [object('b', 1)]);
    end.abort();
  }
});
