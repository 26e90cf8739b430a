import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeSyncAnswer,
  decodeSyncRequest,
  encodeSyncAnswer,
  encodeSyncRequest,
  maxRequestBytes,
  settingsDigest,
} from '../../../src/protocol/sync.ts';
import { broken, readOrRefuse, settings, syncAnswers, syncRequests } from './documents.ts';

test('a request survives being written and read', () => {
  fc.assert(fc.property(syncRequests, (given) => assert.deepEqual(decodeSyncRequest(encodeSyncRequest(given)), given)));
});

test('an answer survives being written and read', () => {
  fc.assert(fc.property(syncAnswers, (given) => assert.deepEqual(decodeSyncAnswer(encodeSyncAnswer(given)), given)));
});

test('fields of a newer writer are ignored', () => {
  assert.deepEqual(decodeSyncRequest('{"version": 1, "held": {"more": 1}, "more": 1}'), { version: 1, held: {} });
  assert.deepEqual(decodeSyncAnswer('{"version": 1, "more": 1}'), { version: 1 });
});

test('a request that cannot be used is refused by the name of its field', () => {
  const settings = { uid: 'a', generation: 1, digest: '0123456789abcdef' };
  for (const [body, message] of [
    ['', /not valid JSON/],
    ['[]', /the document must be an object/],
    [{ version: 2, held: {} }, /version must be 1, got 2/],
    [{ version: 1 }, /held must be an object/],
    [{ version: 1, held: { settings: { ...settings, generation: 0 } } }, /held\.settings\.generation/],
    [
      { version: 1, held: { settings: { ...settings, digest: '' } } },
      /held\.settings\.digest must be a string of 1 to 64/,
    ],
    [{ version: 1, held: { settings: { ...settings, digest: 'x'.repeat(65) } } }, /held\.settings\.digest must be a/],
    [{ version: 1, held: { settings: { ...settings, digest: 16 } } }, /held\.settings\.digest must be a string/],
    [{ version: 1, held: { assignment: { uid: 'a', epoch: 0 } } }, /held\.assignment\.revision/],
    [{ version: 1, held: {}, report: ['a', 1, 0, [], [[]]] }, /^report\.targets\[0\]\.probe must be one of/],
    [{ version: 1, held: {}, report: 7 }, /^report must be a list/],
    [{ version: 1, held: {}, leaving: 'soon' }, /^leaving must be true or false/],
    [`${' '.repeat(maxRequestBytes)}1`, /larger than 262144 bytes/],
  ] as const)
    assert.throws(() => decodeSyncRequest(typeof body === 'string' ? body : JSON.stringify(body)), {
      name: 'ProtocolError',
      code: 'InvalidSync',
      message,
    });
});

test('an answer that cannot be used is refused by the name of its field', () => {
  for (const [body, message] of [
    [{ version: 1, settings: {} }, /^settings\.version must be 1, got nothing/],
    [{ version: 1, settings: [] }, /^settings must be an object/],
    [{ version: 1, settingsDigest: 'x'.repeat(65) }, /^settingsDigest must be a string of 1 to 64 characters/],
    [{ version: 1, assignment: { version: 1, uid: '' } }, /^assignment\.uid/],
    [{ version: 1, acknowledged: { stream: 'a', sequence: 0 } }, /^acknowledged\.sequence/],
  ] as const)
    assert.throws(() => decodeSyncAnswer(JSON.stringify(body)), { code: 'InvalidSync', message });
});

test('a request that no operator would take for its size is not sent', () => {
  const target = { probe: 'dns', server: '', protocol: 'UDP', type: 'A', node: '', zone: '', failures: {} } as const;
  const host = (index: number) => `${index}.`.padEnd(260, 'x');
  const targets = Array.from({ length: 1000 }, (_, index) => ({
    ...{ ...target, host: host(index), attempts: 0, retransmits: 0, latencies: [] },
  }));
  const request = { version: 1, held: {}, report: { stream: 'a', sequence: 1, spanMs: 1, targets } } as const;
  assert.throws(() => encodeSyncRequest(request), { code: 'InvalidSync', message: /larger than 262144 bytes/ });
});

test('whatever comes instead of a request or an answer is read or refused', () => {
  const encodedRequests = syncRequests.map((request) => JSON.parse(encodeSyncRequest(request)));
  fc.assert(
    fc.property(broken(encodedRequests), (value) =>
      readOrRefuse(() => decodeSyncRequest(JSON.stringify(value)), 'InvalidSync'),
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(broken(syncAnswers), (value) =>
      readOrRefuse(() => decodeSyncAnswer(JSON.stringify(value)), 'InvalidSync'),
    ),
    { numRuns: 500 },
  );
});

test('bytes that are no text of ours are refused', () => {
  fc.assert(fc.property(fc.string(), (body) => readOrRefuse(() => decodeSyncRequest(body), 'InvalidSync')));
});

test('a document of any depth is refused without exhausting the stack', () => {
  const depth = 100_000;
  const deep = '['.repeat(depth) + ']'.repeat(depth);
  for (const body of [deep, `{"version": ${deep}}`, `{"version": 1, "held": {}, "report": ["a", ${deep}]}`])
    assert.throws(() => decodeSyncRequest(body), { code: 'InvalidSync' });
});

test('the digest of settings is theirs alone, whatever the order of their keys', () => {
  fc.assert(
    fc.property(settings, (given) => {
      const reordered = Object.fromEntries(Object.entries(given).reverse()) as unknown as typeof given;
      assert.match(settingsDigest(given), /^[0-9a-f]{16}$/);
      assert.equal(settingsDigest(reordered), settingsDigest(given));
      const other = { ...given, dns: { ...given.dns, enabled: !given.dns.enabled } };
      assert.notEqual(settingsDigest(other), settingsDigest(given));
    }),
  );
});
