import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { MountedFile, MountedFileError, type Reading } from '../../../../src/agent/sources/mounted-file.ts';
import { ProtocolError } from '../../../../src/protocol/document.ts';
import { encodeSettings, maxSettingsBytes, parseSettings, type Settings } from '../../../../src/protocol/settings.ts';
import { ConfigMapVolume } from '../config-map-volume.ts';
import { settingsWith } from '../settings-builder.ts';
import { TemporaryDirectory } from '../temporary-directory.ts';

const settingsFile = (path: string) => new MountedFile(path, maxSettingsBytes, parseSettings);
const generation = (number: number) => settingsWith({ resource: { generation: number } });

/** What a poll must have found broken. */
function errorOf(reading: Reading<Settings> | undefined) {
  assert.ok(reading && 'error' in reading);
  return reading.error;
}

/** While it lives, this process can open no further file. */
class NoFreeDescriptor implements Disposable {
  readonly #taken: number[] = [];

  constructor() {
    // Only the soft limit, so that there are not a million to take.
    execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=200:']);
    try {
      for (;;) this.#taken.push(openSync('/dev/null', 'r'));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
    }
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#taken) closeSync(descriptor);
  }
}

test('each version of a mounted ConfigMap is read once', () => {
  using directory = new TemporaryDirectory();
  const volume = new ConfigMapVolume(directory.path, 'settings.json');
  volume.update(encodeSettings(generation(1)));
  const file = settingsFile(volume.path);
  assert.deepEqual(file.poll(), { document: generation(1) });
  assert.equal(file.poll(), undefined);
  for (const number of [2, 3]) {
    volume.update(encodeSettings(generation(number)));
    assert.deepEqual(file.poll(), { document: generation(number) });
    assert.equal(file.poll(), undefined);
  }
});

test('a broken version is reported once, the good one after it is read', () => {
  using directory = new TemporaryDirectory();
  const volume = new ConfigMapVolume(directory.path, 'settings.json');
  const file = settingsFile(volume.path);
  volume.update('{"version": 1,');
  assert.ok(errorOf(file.poll()) instanceof ProtocolError);
  assert.equal(file.poll(), undefined);
  volume.update('{"version": 2}');
  assert.match(errorOf(file.poll()).message, /version must be 1/);
  volume.update(encodeSettings(generation(7)));
  assert.deepEqual(file.poll(), { document: generation(7) });
});

test('a file that is not there is reported once, and read when it comes', () => {
  using directory = new TemporaryDirectory();
  const path = directory.file('settings.json');
  const file = settingsFile(path);
  const error = errorOf(file.poll());
  assert.ok(error instanceof MountedFileError);
  assert.equal(error.code, 'FileMissing');
  assert.equal(error.message, `cannot read ${path}: no such file; check the ConfigMap that is mounted there`);
  assert.equal(file.poll(), undefined);
  writeFileSync(path, encodeSettings(generation(1)));
  assert.deepEqual(file.poll(), { document: generation(1) });
  rmSync(path);
  assert.match(errorOf(file.poll()).message, /no such file/);
});

test('a file that could not be read for a moment is reported once, and read as soon as it can be, without a change', () => {
  using directory = new TemporaryDirectory();
  const path = directory.file('settings.json');
  writeFileSync(path, encodeSettings(generation(1)));
  const file = settingsFile(path);
  for (const number of [1, 2]) {
    writeFileSync(path, encodeSettings(generation(number)));
    {
      using _ = new NoFreeDescriptor();
      const error = errorOf(file.poll());
      assert.ok(error instanceof MountedFileError);
      assert.equal(error.code, 'FileUnreadable');
      assert.match(error.message, /EMFILE/);
      assert.equal(file.poll(), undefined);
    }
    assert.deepEqual(file.poll(), { document: generation(number) });
    assert.equal(file.poll(), undefined);
  }
});

test('what is no regular file is not opened', () => {
  using directory = new TemporaryDirectory();
  mkdirSync(directory.file('directory'));
  execFileSync('mkfifo', [directory.file('pipe')]);
  symlinkSync('loop', directory.file('loop'));
  for (const name of ['directory', 'pipe'])
    assert.match(errorOf(settingsFile(directory.file(name)).poll()).message, /not a regular file/);
  assert.match(errorOf(settingsFile(directory.file('loop')).poll()).message, /ELOOP/);
});

test('a file larger than a ConfigMap is not read', () => {
  using directory = new TemporaryDirectory();
  const path = directory.file('settings.json');
  writeFileSync(path, '');
  truncateSync(path, 1_048_577);
  assert.equal(errorOf(settingsFile(path).poll()).message, `cannot read ${path}: larger than 1048576 bytes`);
});
