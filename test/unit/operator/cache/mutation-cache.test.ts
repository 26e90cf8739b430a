import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MutationCache } from '../../../../src/operator/cache/mutation-cache.ts';

const version = (resourceVersion: string, uid = 'u') => ({ metadata: { uid, resourceVersion } });

test('what we wrote counts until the watch shows it or something newer', () => {
  const writes = new MutationCache();
  writes.note(version('100'));
  assert.equal(writes.newest(version('99')).metadata.resourceVersion, '100');
  assert.equal(writes.newest(version('100')).metadata.resourceVersion, '100');
  assert.equal(writes.newest(version('99')).metadata.resourceVersion, '99');
});

test('versions are compared as numbers', () => {
  const writes = new MutationCache();
  writes.note(version('999'));
  assert.equal(writes.newest(version('1000')).metadata.resourceVersion, '1000');
});

test('another object, or one that is gone, has no writes of ours', () => {
  const writes = new MutationCache();
  writes.note(version('100'));
  assert.equal(writes.newest(version('1', 'v')).metadata.resourceVersion, '1');
  writes.forget('u');
  assert.equal(writes.newest(version('99')).metadata.resourceVersion, '99');
});

test('what was written before the history began anew counts no more, though the watch never shows it', () => {
  const writes = new MutationCache();
  writes.note(version('100'));
  writes.clear();
  assert.equal(writes.newest(version('50')).metadata.resourceVersion, '50');
});
