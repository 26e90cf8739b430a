import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editSpec, hasNull, merged } from '../../../../soak/operations/clients.ts';
import { type ApiObject, type ClusterApi, ClusterApiError } from '../../../faults/cluster-api.ts';

test('a merge patch changes what it names, and null removes it (RFC 7386)', () => {
  const value = { a: { b: 1, c: [1, 2] }, d: 4 };
  assert.deepEqual(merged(value, { a: { c: [3], b: null }, e: { f: null, g: 1 } }), {
    a: { c: [3] },
    d: 4,
    e: { g: 1 },
  });
  assert.deepEqual(merged(1, { a: 2 }), { a: 2 });
  assert.deepEqual(merged({ a: 1 }, [2]), [2]);
});

test('null is found at any depth', () => {
  assert.equal(hasNull({ a: { b: null } }), true);
  assert.equal(hasNull({ a: { b: [1], c: '' } }), false);
});

/** An API server that refuses the first replacements, and what it was asked. */
function server(conflicts: number) {
  const asked: [string, ...unknown[]][] = [];
  const metadata = { name: 'soak', namespace: 'ns', uid: 'u', resourceVersion: '7' };
  const object: ApiObject = { apiVersion: 'v1', kind: 'Thing', metadata, spec: { a: 1, b: 2 } };
  const api = {
    get: async () => object,
    patch: async (...args: unknown[]) => void asked.push(['patch', ...args]),
    replace: async (...args: unknown[]) => {
      asked.push(['replace', ...args]);
      if (asked.length <= conflicts) throw new ClusterApiError('PUT', 409, '');
    },
  } as unknown as ClusterApi;
  return { api, asked };
}

test('each kind of client edits by its own request', async () => {
  const { api, asked } = server(0);
  await editSpec(api, '/path', { a: 5 }, 'merge');
  await editSpec(api, '/path', { a: 5 }, 'apply');
  await editSpec(api, '/path', { a: 5 }, 'replace');
  const [byMerge, byApply, byReplace] = asked;
  assert.deepEqual(byMerge, ['patch', '/path', 'merge', { spec: { a: 5 } }]);
  assert.deepEqual(byApply, [
    ...['patch', '/path?fieldManager=soak-applier&force=true', 'apply'],
    { apiVersion: 'v1', kind: 'Thing', metadata: { namespace: 'ns', name: 'soak' }, spec: { a: 5 } },
  ]);
  assert.deepEqual((byReplace![2] as ApiObject).spec, { a: 5, b: 2 });
});

test('what is to be removed is not applied but patched', async () => {
  const { api, asked } = server(0);
  await editSpec(api, '/path', { a: null }, 'apply');
  assert.deepEqual(asked, [['patch', '/path', 'merge', { spec: { a: null } }]]);
});

test('a replacement that came too late is made of the newest version, but not for ever', async () => {
  const { api, asked } = server(3);
  await editSpec(api, '/path', { a: 5 }, 'replace');
  assert.equal(asked.length, 4);
  await assert.rejects(editSpec(server(100).api, '/path', { a: 5 }, 'replace'), /409/);
});
