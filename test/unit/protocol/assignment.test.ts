import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Assignment,
  decodeAssignment,
  encodeAssignment,
  maxAssignmentBytes,
  parseAssignment,
} from '../../../src/protocol/assignment.ts';
import { assignments, broken, readOrRefuse } from './documents.ts';

const assignment: Assignment = {
  version: 1,
  uid: '0d6f',
  epoch: 0,
  revision: 1,
  zone: 'zone-a',
  peers: [{ address: '[fd00::1]:8000', node: 'node-1', zone: '' }],
  dnsServers: ['10.64.0.2:53'],
};

test('an assignment survives being written and read', () => {
  fc.assert(fc.property(assignments, (given) => assert.deepEqual(parseAssignment(encodeAssignment(given)), given)));
});

test('fields of a newer writer are ignored', () => {
  const [peer] = assignment.peers;
  assert.deepEqual(decodeAssignment({ ...assignment, hops: 3, peers: [{ ...peer, rack: 'r1' }] }), assignment);
});

test('an assignment of an older operator, which sends no zone, is read', () => {
  const { zone, ...older } = assignment;
  assert.deepEqual(decodeAssignment(older), { ...assignment, zone: '' });
});

test('an assignment of the most and longest that there can be is read', () => {
  const peer = {
    address: '[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535',
    node: 'n'.repeat(253),
    zone: 'z'.repeat(63),
  };
  const largest = {
    ...assignment,
    zone: 'z'.repeat(63),
    peers: Array(110).fill(peer),
    dnsServers: Array(16).fill(peer.address),
  };
  assert.equal(parseAssignment(encodeAssignment(largest)).peers.length, 110);
});

test('an assignment that cannot be used is refused by the name of its field', () => {
  const [peer] = assignment.peers;
  for (const [wrong, message] of [
    [{ version: 2 }, /version must be 1, got 2/],
    [{ uid: '' }, /uid must be/],
    [{ epoch: -1 }, /epoch must be a whole number from 0/],
    [{ revision: 0 }, /revision must be a whole number from 1/],
    [{ zone: 'z'.repeat(64) }, /zone must be a string of 0 to 63/],
    [{ zone: null }, /zone must be a string/],
    [{ peers: Array(111).fill(peer) }, /peers must be a list of at most 110/],
    [{ peers: [{ ...peer, address: 'node-1:8000' }] }, /peers\[0\]\.address must be ip:port, got "node-1:8000"/],
    [{ peers: [{ ...peer, node: '' }] }, /peers\[0\]\.node/],
    [{ peers: [{ ...peer, zone: undefined }] }, /peers\[0\]\.zone must be a string of 0 to 63/],
    [{ dnsServers: Array(17).fill('10.0.0.1:53') }, /dnsServers must be a list of at most 16/],
    [{ dnsServers: ['10.0.0.1'] }, /dnsServers\[0\]/],
  ] as const)
    assert.throws(() => decodeAssignment({ ...assignment, ...wrong }), { code: 'InvalidAssignment', message });
});

test('text that is not JSON, or too large, is refused', () => {
  assert.throws(() => parseAssignment('{"version": 1,'), { code: 'InvalidAssignment', message: /not valid JSON/ });
  assert.throws(() => parseAssignment(' '.repeat(maxAssignmentBytes + 1)), { message: /larger than/ });
});

test('whatever comes instead of an assignment is read or refused', () => {
  fc.assert(
    fc.property(broken(assignments), (value) => readOrRefuse(() => decodeAssignment(value), 'InvalidAssignment')),
    { numRuns: 500 },
  );
});
