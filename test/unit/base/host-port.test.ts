import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHostPort, parseHostPort, parseServer } from '../../../src/base/host-port.ts';

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

test('a server is an address or a name, with a port or the default', () => {
  for (const [text, host, port] of [
    ['ntp.example.com', 'ntp.example.com', 123],
    ['ntp.example.com.:1123', 'ntp.example.com.', 1123],
    ['ntp', 'ntp', 123],
    ['10.0.0.1', '10.0.0.1', 123],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['fd00::1', 'fd00::1', 123],
    ['[fd00::1]:65535', 'fd00::1', 65_535],
  ] as const)
    assert.deepEqual(parseServer(text, 123), { host, port }, text);
  assert.equal(parseServer('ntp.example.com'), undefined);
});

test('a server that is neither is refused', () => {
  for (const text of [
    '',
    '.',
    ':123',
    'a..b',
    '.a',
    'ntp.example.com:',
    'ntp.example.com:0',
    'ntp.example.com:65536',
    'https://ntp.example.com',
    'a b',
    '10.0.0.256',
    '10.0.0:123',
    'fd00::1::2',
    '[ntp.example.com]:123',
    `${'a'.repeat(64)}.example`,
    'a.'.repeat(128),
  ])
    assert.equal(parseServer(text, 123), undefined, text);
});
