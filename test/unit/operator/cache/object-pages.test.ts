import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ObjectPages } from '../../../../src/operator/cache/object-pages.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const never = new AbortController().signal;

/** A server with objects of these sizes, and a client that accepts pages of 100 in all. */
function setUp(sizes: number[]) {
  const limits: number[] = [];
  const objects = sizes.map((size, n) => ({
    size,
    object: { metadata: { name: `map-${n}`, namespace: 'n', uid: `${n}`, resourceVersion: '1' } } as KubeObject,
  }));
  const client = {
    list: async (_: unknown, { limit = 0, continue: from }: { limit?: number | undefined; continue?: string }) => {
      limits.push(limit);
      const start = Number(from ?? 0);
      const page = objects.slice(start, start + limit);
      if (page.reduce((sum, { size }) => sum + size, 0) > 100) throw new ApiError('TooLarge', 'too large');
      const next = start + limit < objects.length ? { continue: String(start + limit) } : {};
      return { metadata: { resourceVersion: '7', ...next }, items: page.map(({ object }) => object) };
    },
  };
  const pages = new ObjectPages(client as never, resource);
  const read = async () => {
    const names: string[] = [];
    const version = await pages.read({}, ({ metadata }) => names.push(metadata.name), never);
    assert.equal(version, '7');
    return names;
  };
  return { pages, read, limits, objects };
}

const all = (count: number) => Array.from({ length: count }, (_, n) => `map-${n}`);

test('a page that is too large is requested again with half as many objects, and every object is read once', async () => {
  const { pages, read, limits } = setUp(Array.from({ length: 70 }, () => 10));
  assert.equal(pages.noticeFor('configmaps'), undefined);
  assert.deepEqual(await read(), all(70));
  assert.deepEqual(limits, [500, 250, 125, 62, 31, 15, 7, 14, 7, 7, 14, 7, 7, 7, 7, 14, 7, 7, 7]);
  assert.equal(
    pages.noticeFor('configmaps'),
    'listing some of the configmaps only 7 at a time, because they are very large',
  );
});

test('pages that are somewhat smaller, as of nodes with many labels, are no news', async () => {
  const { pages, read, limits } = setUp(Array.from({ length: 300 }, () => 1));
  assert.deepEqual(await read(), all(300));
  assert.equal(Math.min(...limits), 62);
  assert.equal(pages.noticeFor('nodes'), undefined);
});

test('objects of the maximum size are read one at a time', async () => {
  const { read, limits } = setUp([1, 1, 100, 100, 1]);
  assert.deepEqual(await read(), all(5));
  assert.equal(Math.min(...limits), 1);
});

test('one object of the maximum size costs some requests, and the other pages keep their size', async () => {
  const sizes = Array.from({ length: 5000 }, (_, n) => (n === 700 ? 100 : 0.1));
  const { pages, read, limits, objects } = setUp(sizes);
  assert.deepEqual(await read(), all(5000));
  assert.ok(limits.length < 50, `${limits.length} requests`);
  assert.equal(limits.at(-1), 500);
  assert.match(pages.noticeFor('pods')!, /only 1 at a time/);
  objects[700]!.size = 0.1;
  await read();
  assert.equal(pages.noticeFor('pods'), undefined, 'the object is gone');
});

test('where all objects are large, larger pages are rarely tried', async () => {
  const { read, limits } = setUp(Array.from({ length: 700 }, () => 10));
  assert.deepEqual(await read(), all(700));
  const failed = limits.filter((limit) => limit > 10).length;
  assert.ok(failed < 25 && limits.length < 130, `${failed} of ${limits.length} requests failed`);
});

test('when the large objects are gone, pages grow again from list to list', async () => {
  const { pages, read, limits, objects } = setUp([100, 100]);
  await read();
  for (const object of objects) object.size = 1;
  limits.length = 0;
  for (let list = 0; list < 8; list++) assert.deepEqual(await read(), all(2));
  assert.deepEqual(limits, [4, 8, 16, 32, 64, 128, 256, 500]);
  assert.equal(pages.noticeFor('configmaps'), undefined);
});

test('one object that is too large by itself is an error, and so is any other failure', async () => {
  const { read, limits } = setUp([101]);
  await assert.rejects(read(), { code: 'TooLarge' });
  assert.equal(limits.at(-1), 1);
});
