import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/base/command-line.ts';
import { endToEndTests } from '../chosen-files.ts';

const files = [
  'test/e2e/sync.test.ts',
  'test/unit/sync.test.ts',
  'test/e2e/live-edit.test.ts',
  'test/unit/a/b.test.ts',
];

test('end-to-end tests are chosen by name, each once, or all of them', () => {
  assert.deepEqual(endToEndTests(files, ['sync']), ['test/e2e/sync.test.ts']);
  const all = ['test/e2e/live-edit.test.ts', 'test/e2e/sync.test.ts'];
  assert.deepEqual(endToEndTests(files, ['sync', 'live-edit', 'sync']), all);
  assert.deepEqual(endToEndTests(files, []), all);
});

test('a name that no end-to-end test has is refused with the names that there are', () => {
  for (const name of ['b', 'sync.test.ts', ''])
    assert.throws(
      () => endToEndTests(files, ['sync', name]),
      (error: Error) =>
        error instanceof UsageError &&
        error.message === `unknown end-to-end test "${name}"; it is one of: live-edit, sync`,
    );
});
