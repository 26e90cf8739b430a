import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disturbsNobody, inRunningOrder } from '../running-order.ts';

test('unit tests run beside the first of the end-to-end tests, those that disturb nobody side by side, and the last one comes last', () => {
  const files = [
    ...['test/e2e/requests.test.ts', 'test/e2e/dns-outage.test.ts', 'test/e2e/pod-security.test.ts'],
    ...['test/e2e/bad-input.test.ts', 'test/unit/b.test.ts'],
    ...['test/e2e/upgrade.test.ts', 'test/e2e/at-rest.test.ts', 'test/unit/a/c.test.ts'],
  ];
  assert.deepEqual(inRunningOrder(files), [
    'test/e2e/at-rest.test.ts',
    'test/unit/a/c.test.ts',
    'test/unit/b.test.ts',
    'test/e2e/bad-input.test.ts',
    'test/e2e/pod-security.test.ts',
    'test/e2e/dns-outage.test.ts',
    'test/e2e/upgrade.test.ts',
    'test/e2e/requests.test.ts',
  ]);
});

test('which of them these are is told by the file, wherever it is', () => {
  assert.deepEqual(
    ['/somewhere/test/e2e/live-edit.test.ts', '/somewhere/test/e2e/upgrade.test.ts', ''].map(disturbsNobody),
    [true, false, false],
  );
});
