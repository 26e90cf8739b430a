import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readClusterDomain, readNameservers } from '../../../../src/operator/dns/nameservers.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { TemporaryDirectory } from '../../agent/temporary-directory.ts';

/** What is read of a file with this text, or of a file that is not there. */
function read(text?: string) {
  using directory = new TemporaryDirectory();
  const path = directory.file('resolv.conf');
  if (text !== undefined) writeFileSync(path, text);
  const lines: string[] = [];
  const log = operatorLogger('info', { write: (line) => lines.push(line) });
  return { nameservers: readNameservers(path, log), path, lines: lines.map((line) => JSON.parse(line)) };
}

test('the nameservers are those of the nameserver lines, in order and of either family', () => {
  const text = [
    'search a.svc.cluster.local svc.cluster.local',
    'nameserver 10.96.0.10',
    '# nameserver 10.0.0.1',
    'nameserver\tfd00::10 # the other family',
    'options ndots:5',
    '',
  ].join('\n');
  const { nameservers, lines } = read(text);
  assert.deepEqual([nameservers, lines], [['10.96.0.10', 'fd00::10'], []]);
});

test('what is no address that a policy could name is left out', () => {
  assert.deepEqual(read('nameserver fe80::1%eth0\nnameserver dns.example\nnameserver\n').nameservers, []);
  assert.deepEqual(read('').nameservers, []);
});

test('without the file there are none, and the log says why', () => {
  const { nameservers, path, lines } = read();
  assert.deepEqual(nameservers, []);
  assert.equal(lines.length, 1);
  assert.deepEqual([lines[0].level, lines[0].path, lines[0].err.code], ['warn', path, 'ENOENT']);
});

test('the domain of the cluster is the one in the search list, if there is one', () => {
  using directory = new TemporaryDirectory();
  const path = directory.file('resolv.conf');
  writeFileSync(path, 'search system.svc.cluster.example svc.cluster.example cluster.example\n');
  assert.equal(readClusterDomain(path), 'cluster.example');
  writeFileSync(path, 'search example.com\n');
  assert.equal(readClusterDomain(path), undefined);
  assert.equal(readClusterDomain(directory.file('none')), undefined);
});
