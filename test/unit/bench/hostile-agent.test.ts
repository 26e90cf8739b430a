import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptedReports, hostileReport } from '../../../bench/hostile-agent.ts';
import { decodeSyncRequest, maxRequestBytes } from '../../../src/protocol/sync.ts';

test('a hostile report is as large as the operator reads, and valid: it costs what a report can cost', () => {
  for (const sequence of [1, 2]) {
    const body = hostileReport('hostile', sequence);
    assert.ok(body.length > 0.95 * maxRequestBytes && body.length <= maxRequestBytes, `${body.length}`);
    const { report, leaving } = decodeSyncRequest(body);
    assert.equal(report!.targets.length, 270);
    assert.ok(leaving);
  }
});

test('a report is accepted if it is answered with success', () => {
  assert.equal(acceptedReports({ 200: 3, 204: 1, 401: 9, 429: 5, ECONNRESET: 2 }), 4);
  assert.equal(acceptedReports({}), 0);
});
