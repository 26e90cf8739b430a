import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHostPort, parseHostPort } from '../../../src/protocol/host-port.ts';

test('what is formatted parses back to the same address and port', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
      assert.deepEqual(parseHostPort(formatHostPort(host, port)), { host, port });
    }),
  );
});

test('an address without a port takes the default, or is refused where there is none', () => {
  for (const text of ['10.0.0.1', 'fd00::1', '[fd00::1]']) {
    assert.equal(parseHostPort(text, 53)?.port, 53);
    assert.equal(parseHostPort(text), undefined);
  }
});

test('names, bare colons, ports out of range and brackets in the wrong place are refused', () => {
  for (const text of [
    '',
    'dns.example',
    'dns.example:53',
    '10.0.0.1:',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '[10.0.0.1]:53',
    'fd00::1:53:x',
  ])
    assert.equal(parseHostPort(text, 53), undefined, text);
});
