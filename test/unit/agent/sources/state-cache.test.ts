import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { StateCache } from '../../../../src/agent/sources/state-cache.ts';
import { assignmentWith } from '../assignment-builder.ts';
import { settingsWith } from '../settings-builder.ts';
import { TemporaryDirectory } from '../temporary-directory.ts';

const peers = { service: 'default-agent-peers.monitoring.svc', addresses: ['10.0.0.1', 'fd00::1'] };

test('what was written is read again by the next process', () => {
  using directory = new TemporaryDirectory();
  const settings = settingsWith({ resource: { generation: 4 } });
  const copy = new StateCache(directory.file('not/there/yet'));
  copy.writeSettings(settings);
  copy.writeAssignment(assignmentWith({ epoch: 2, revision: 7 }));
  copy.writePeers(peers);
  copy.writeFormer(['uid-1', 'uid-2']);
  const next = new StateCache(directory.file('not/there/yet'));
  assert.deepEqual(next.readSettings(), settings);
  assert.deepEqual(next.readAssignment(), assignmentWith({ epoch: 2, revision: 7 }));
  assert.deepEqual(next.readPeers(), peers);
  assert.deepEqual(next.readFormer(), ['uid-1', 'uid-2']);
});

test('writing again replaces, and leaves nothing else behind', () => {
  using directory = new TemporaryDirectory();
  const copy = new StateCache(directory.path);
  copy.writePeers(peers);
  copy.writePeers({ ...peers, addresses: [] });
  assert.deepEqual(copy.readPeers(), { ...peers, addresses: [] });
  assert.deepEqual(readdirSync(directory.path), ['peers.json']);
});

test('no copy is no error', () => {
  using directory = new TemporaryDirectory();
  const copy = new StateCache(directory.file('nowhere'));
  assert.equal(copy.readSettings(), undefined);
  assert.equal(copy.readAssignment(), undefined);
  assert.equal(copy.readPeers(), undefined);
  assert.deepEqual(copy.readFormer(), []);
});

test('a torn copy is no copy, wherever it is torn', () => {
  using directory = new TemporaryDirectory();
  const copy = new StateCache(directory.path);
  copy.writeSettings(settingsWith());
  copy.writeAssignment(assignmentWith());
  copy.writePeers(peers);
  const read: [file: string, read: () => unknown][] = [
    ['settings.json', () => copy.readSettings()],
    ['assignment.json', () => copy.readAssignment()],
    ['peers.json', () => copy.readPeers()],
  ];
  for (const [file, readAgain] of read) {
    // The document ends in a brace, and settings in a line break behind it.
    const whole = readFileSync(directory.file(file), 'utf8').trimEnd().length;
    for (let length = whole - 1; length >= 0; length -= 7) {
      truncateSync(directory.file(file), length);
      assert.equal(readAgain(), undefined, `${file} at ${length}`);
    }
  }
});

test('a copy that holds something else is no copy', () => {
  using directory = new TemporaryDirectory();
  const copy = new StateCache(directory.path);
  for (const content of [
    'null',
    '[]',
    '{"service":"a"}',
    '{"service":1,"addresses":[]}',
    '{"service":"a","addresses":["example.org"]}',
    '{"service":"a","addresses":[7]}',
    '{"service":"a","addresses":{"0":"10.0.0.1"}}',
  ]) {
    writeFileSync(directory.file('peers.json'), content);
    assert.equal(copy.readPeers(), undefined, content);
  }
  for (const content of ['null', '{}', '"uid-1"', '[1]', '["uid-1"', '["uid-1",null]']) {
    writeFileSync(directory.file('former.json'), content);
    assert.deepEqual(copy.readFormer(), [], content);
  }
});

test('a copy that cannot be written says why', () => {
  using directory = new TemporaryDirectory();
  writeFileSync(directory.file('file'), '');
  assert.throws(() => new StateCache(directory.file('file/below')).writePeers(peers), { code: 'ENOTDIR' });
});
