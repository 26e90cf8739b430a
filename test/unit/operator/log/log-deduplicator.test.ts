import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogDeduplicator } from '../../../../src/operator/log/log-deduplicator.ts';
import { FakeClock } from '../../fake-clock.ts';

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

test('a cause that persists is logged again after an hour, also where there were too many others', () => {
  const clock = new FakeClock();
  const reports = new LogDeduplicator(clock);
  for (let n = 0; n < 20; n++) reports.isNew('object', `reason ${n}`);
  assert.equal(reports.isNew('object', 'the last reason'), false);
  clock.advance(3_599_000);
  assert.equal(reports.isNew('object', 'reason 0'), false);
  clock.advance(1000);
  assert.deepEqual([reports.isNew('object', 'reason 0'), reports.isNew('object', 'reason 0')], [true, false]);
});

test('any number of subjects takes a bounded amount of memory: the oldest are forgotten', () => {
  const reports = new LogDeduplicator(new FakeClock());
  for (let n = 0; n < 5000; n++) assert.equal(reports.isNew(`namespace/${n}`, 'away'), true);
  assert.equal(reports.isNew('namespace/4999', 'away'), false, 'a recent one is known');
  assert.equal(reports.forget('namespace/0'), false, 'an old one is not');
  assert.equal(reports.forget('namespace/4000'), true);
});
