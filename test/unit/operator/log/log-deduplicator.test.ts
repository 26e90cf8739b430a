import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogDeduplicator } from '../../../../src/operator/log/log-deduplicator.ts';

test('a fact is told once, another one too, and each again after the thing has worked', () => {
  const reports = new LogDeduplicator();
  assert.deepEqual(
    ['away', 'away', 'slow', 'away', 'slow'].map((fact) => reports.isNew('pods', fact)),
    [true, false, true, false, false],
  );
  assert.equal(reports.isNew('services', 'away'), true);
  assert.equal(reports.forget('pods'), true);
  assert.equal(reports.forget('pods'), false);
  assert.equal(reports.isNew('pods', 'away'), true);
  assert.equal(reports.isNew('services', 'away'), false);
});

test('a thing whose facts differ each time does not fill the log', () => {
  const reports = new LogDeduplicator();
  const told = Array.from({ length: 1000 }, (_, n) => reports.isNew('pods', `request ${n} failed`));
  assert.ok(told.filter(Boolean).length <= 10);
});
