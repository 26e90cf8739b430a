import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isOrphaned, ownedDirectory, ownedName, ownerOf, removeOrphanedDirectories } from '../../cluster/owned-name.ts';
import { identify } from '../../cluster/processes.ts';

const ended = { pid: 4_194_305, startTime: '17' };

describe('a name that says who owns it', () => {
  it('gives its owner back, and is another one each time', () => {
    const self = identify(process.pid);
    assert.deepEqual(ownerOf(ownedName('demo')), self);
    assert.deepEqual(ownerOf(ownedName('go-build', ended)), ended);
    assert.notEqual(ownedName('demo'), ownedName('demo'));
  });

  it('is orphaned when its process has ended, also when another one has the number now', () => {
    assert.equal(isOrphaned(ownedName('demo')), false);
    assert.equal(isOrphaned(ownedName('demo', ended)), true);
    assert.equal(isOrphaned(ownedName('demo', { pid: process.pid, startTime: '1' })), true);
  });

  it('is none where a stranger named it', () => {
    for (const name of ['local', 'demo-12', 'demo-12.5', 'demo-0.5-abcdef', 'demo-1.5-abcdefg', '.X11-unix', ''])
      assert.equal(isOrphaned(name), false, name);
  });
});

it('only folders whose owner has ended are removed', () => {
  const parent = mkdtempSync(join(tmpdir(), 'net-exporter-test-'));
  try {
    const own = ownedDirectory('demo', parent);
    const orphan = join(parent, `net-exporter-${ownedName('demo', ended)}`);
    const strangers = join(parent, ownedName('demo', ended));
    for (const directory of [join(orphan, 'data'), strangers]) mkdirSync(directory, { recursive: true });
    assert.deepEqual(removeOrphanedDirectories(parent), [orphan]);
    assert.deepEqual([own, orphan, strangers].map(existsSync), [true, false, true]);
    assert.deepEqual(removeOrphanedDirectories(join(parent, 'nowhere')), []);
  } finally {
    rmSync(parent, { recursive: true });
  }
});
