import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordedRequest } from '../../faults/request-record.ts';
import { busiestStretch, mostRequests, mostRequestsBeside, workMsOf } from '../../faults/request-storm.ts';

const request = (who: string, startedAt: number) => ({ who, startedAt }) as RecordedRequest;

test('the busiest ten seconds are those of one process', () => {
  const requests = [request('a', 0), request('b', 1), request('a', 9_999), request('b', 10_001), request('b', 10_002)];
  assert.equal(busiestStretch(requests), 2);
  assert.equal(busiestStretch([]), 0);
});

test('each bound is clear of the 600 requests that the operator’s rate limit lets through', () => {
  assert.equal(mostRequestsBeside(0), mostRequests);
  assert.equal(mostRequestsBeside(2), mostRequests + 50);
  for (let count = 0; count < 200; count++) assert.ok((mostRequestsBeside(count) ?? 0) <= 500, `${count} NetExporters`);
});

test('where NetExporters are so many that the rate limit is the bound, there is none', () => {
  assert.equal(mostRequestsBeside(44), undefined);
});

test('a hundred NetExporters take the operator fifty seconds, because its rate limit holds their requests up', () => {
  assert.equal(workMsOf(100), 50_000);
  assert.equal(workMsOf(0), 0);
});
