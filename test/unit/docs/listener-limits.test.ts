import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  agentHttpLimits,
  echoLimits,
  type HttpLimits,
  operatorHttpLimits,
  syncConnectionLimits,
} from '../../../src/listeners/listener-limits.ts';
import { maxHeaderBytes, syncLimits } from '../../../src/operator/sync/sync-server.ts';
import { root } from './markdown.ts';

const text = readFileSync(join(root, 'docs/network-policies.md'), 'utf8');

/** The table of limits: the cells of each row by its first cell. */
function rows(): Map<string, string[]> {
  const [section = ''] = text.split('## Listeners and their limits\n').slice(1);
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  const cells = lines.map((line) => line.split('|').slice(1, -1));
  return new Map(cells.map(([name, ...values]) => [name!.trim(), values.map((value) => value.trim())]));
}

const seconds = (ms: number) => `${ms / 1000} s`;
const mebibytes = (bytes: number) => `${bytes / 2 ** 20} MiB`;
const rate = ({ perSecond, burst }: { perSecond: number; burst: number }) =>
  `${perSecond} a second, bursts of ${burst}`;

test('the documented limits of the listeners are those of the code', () => {
  const both = (value: (limits: HttpLimits) => string | number) =>
    [agentHttpLimits, operatorHttpLimits].map((limits) => String(value(limits)));
  const sync = syncConnectionLimits;
  const { handshakeMs, requestMs, idleMs, stalledMs, unauthenticated } = syncLimits;
  assert.deepEqual([unauthenticated, handshakeMs], [sync, requestMs], 'a handshake and a request have the same time');
  const expected: Record<string, string[]> = {
    'in all': [...both(({ connections }) => connections.total), String(sync.total), rate(echoLimits.total)],
    'of one remote address': [
      ...both(({ connections }) => connections.perAddress),
      String(sync.perAddress),
      rate(echoLimits.perAddress),
    ],
    reserve: [
      ...both(({ connections }) => connections.reserve),
      String(sync.reserve),
      `${echoLimits.reserve} of the burst`,
    ],
    'gives way once idle for': [...both(({ connections }) => seconds(connections.yieldMs)), seconds(sync.yieldMs), ''],
    'headers in bytes': [...both(({ headerBytes }) => headerBytes), String(maxHeaderBytes), ''],
    'headers within': [...both(({ headersTimeoutMs }) => seconds(headersTimeoutMs)), seconds(requestMs), ''],
    'request within': [...both(({ requestTimeoutMs }) => seconds(requestTimeoutMs)), seconds(requestMs), ''],
    'response read within': [...both(({ idleMs: ms }) => seconds(ms)), seconds(stalledMs), ''],
    'unread metrics in plain text': [...both(({ unread }) => mebibytes(unread.plainBytes)), '', ''],
    'unread metrics in gzip': [...both(({ unread }) => mebibytes(unread.gzipBytes)), '', ''],
    'idle between requests': [...both(({ keepAliveMs }) => seconds(keepAliveMs)), seconds(idleMs), ''],
  };
  const documented = rows();
  for (const [name, cells] of Object.entries(expected)) assert.deepEqual(documented.get(name), cells, name);
  const words = ['', 'port', 'limited', 'counted in', '---'];
  const untested = [...documented.keys()].filter((name) => !(name in expected) && !words.includes(name));
  assert.deepEqual(untested, [], 'every number has a test');
});

test('the documented limits in prose are those of the code', () => {
  assert.ok(text.includes(`have taken at most ${echoLimits.quiet} of`));
  const pages = ['sync-server.md', 'udp-echo.md'].map((page) => readFileSync(join(root, 'docs', page), 'utf8'));
  const { total, perAddress, reserve } = syncConnectionLimits;
  assert.ok(
    pages[0]!.includes(`| ${total.toLocaleString('en')}, ${perAddress} of one remote address, ${reserve} in reserve`),
  );
  assert.ok(pages[1]!.includes(`at most ${echoLimits.total.perSecond} responses a second`));
  assert.ok(pages[1]!.includes(`at most ${echoLimits.perAddress.perSecond} of them to one address`));
  assert.ok(pages[1]!.includes(`the counts of ${echoLimits.probers} probers`));
});
