import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inRunningOrder } from '../running-order.ts';

test('unit tests run beside the first of the end-to-end tests, and the one that reads the audit logs comes last', () => {
  const files = [
    ...['test/e2e/requests.test.ts', 'test/e2e/dns-outage.test.ts', 'test/unit/b.test.ts'],
    ...['test/e2e/upgrade.test.ts', 'test/e2e/at-rest.test.ts', 'test/unit/a/c.test.ts'],
  ];
  assert.deepEqual(inRunningOrder(files), [
    'test/e2e/at-rest.test.ts',
    'test/unit/a/c.test.ts',
    'test/unit/b.test.ts',
    'test/e2e/dns-outage.test.ts',
    'test/e2e/upgrade.test.ts',
    'test/e2e/requests.test.ts',
  ]);
});
