import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { requireCacheFolder } from '../../cluster/cache-folder.ts';
import { ClusterError } from '../../cluster/cluster-error.ts';

const advice = 'Set XDG_CACHE_HOME to a folder that has space and is writable.';

describe('a folder of the cache', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cache-folder-'));
  after(() => rmSync(directory, { recursive: true }));

  function refused(folder: string, message: string): void {
    assert.throws(
      () => requireCacheFolder(folder),
      (error: Error) => error instanceof ClusterError && error.message === `${message}. ${advice}`,
    );
  }

  it('is made where there is none, and stays empty', () => {
    const folder = join(directory, 'new/net-exporter/images');
    requireCacheFolder(folder);
    requireCacheFolder(folder);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is refused with the path and the reason where a file stands in the way', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const problem = (folder: string) => `cannot write to the cache folder ${folder}: ${file} is a file`;
    refused(file, problem(file));
    refused(join(file, 'images'), problem(join(file, 'images')));
  });

  it('is refused where nothing can be written, as in /proc', { skip: !existsSync('/proc/self') }, () => {
    const folder = '/proc/net-exporter/images';
    refused(folder, `cannot write to the cache folder ${folder}: /proc: no such file or directory`);
  });
});
