import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeSyncAccess,
  maxSyncAccessBytes,
  parseSyncAccess,
  type SyncAccess,
} from '../../../src/protocol/sync-access.ts';
import { addresses, broken, plain, readOrRefuse } from './documents.ts';

const accesses: fc.Arbitrary<SyncAccess> = plain(
  fc.record({
    version: fc.constant(1 as const),
    addresses: fc.array(addresses, { minLength: 1, maxLength: 2 }),
    serverName: fc.domain(),
    ca: fc
      .base64String({ minLength: 1 })
      .map((der) => `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`),
  }),
);
const access: SyncAccess = {
  version: 1,
  addresses: ['10.96.3.7:8443'],
  serverName: 'net-exporter-operator.net-exporter.dev',
  ca: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
};

test('the way to the operator survives being written and read', () => {
  fc.assert(fc.property(accesses, (given) => assert.deepEqual(parseSyncAccess(encodeSyncAccess(given)), given)));
});

test('equal ones are equal text, whatever the order of their keys, and fields of a newer writer are ignored', () => {
  const reordered = Object.fromEntries(Object.entries(access).reverse()) as unknown as SyncAccess;
  assert.equal(encodeSyncAccess(reordered), encodeSyncAccess(access));
  assert.deepEqual(parseSyncAccess(JSON.stringify({ ...access, more: 1 })), access);
});

test('one that cannot be used is refused by the name of its field', () => {
  for (const [wrong, message] of [
    [{ version: '1' }, /version must be 1, got "1"/],
    [{ addresses: [] }, /addresses must have at least one item/],
    [{ addresses: Array(3).fill('10.0.0.1:1') }, /addresses must be a list of at most 2/],
    [{ addresses: ['operator:8443'] }, /addresses\[0\] must be ip:port/],
    [{ serverName: 1 }, /serverName/],
    [{ ca: 'a secret' }, /^ca must be one or more PEM certificates$/],
  ] as const)
    assert.throws(() => parseSyncAccess(JSON.stringify({ ...access, ...wrong })), {
      code: 'InvalidSyncAccess',
      message,
    });
  assert.throws(() => parseSyncAccess(' '.repeat(maxSyncAccessBytes + 1)), { message: /larger than/ });
});

test('whatever comes instead of it is read or refused', () => {
  fc.assert(
    fc.property(broken(accesses), (value) =>
      readOrRefuse(() => parseSyncAccess(JSON.stringify(value)), 'InvalidSyncAccess'),
    ),
  );
});
