import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { builtOnce } from '../../cluster/build-cache.ts';
import { ownedDirectory } from '../../cluster/owned-name.ts';

describe('programs that are built once', () => {
  const cache = ownedDirectory('build-cache');
  const ofUser = process.env.XDG_CACHE_HOME;

  before(() => {
    process.env.XDG_CACHE_HOME = cache;
  });

  after(() => {
    if (ofUser === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = ofUser;
    rmSync(cache, { recursive: true });
  });

  it('are built by one of several callers, and there for all of them', async () => {
    let builds = 0;
    const build = async (directory: string) => {
      builds++;
      writeFileSync(join(directory, 'program'), 'whole');
    };
    const found = await Promise.all([1, 2, 3].map(() => builtOnce('shared', build)));
    assert.equal(builds, 1);
    for (const directory of found) assert.equal(readFileSync(join(directory, 'program'), 'utf8'), 'whole');
  });

  it('are built anew, from nothing, where they did not come to their end', async () => {
    const build = (content: string, fails: boolean) => async (directory: string) => {
      writeFileSync(join(directory, 'program'), content, { flag: 'wx' });
      if (fails) throw new Error('the compiler ended');
    };
    await assert.rejects(builtOnce('broken', build('half', true)), /the compiler ended/);
    const directory = await builtOnce('broken', build('whole', false));
    assert.equal(readFileSync(join(directory, 'program'), 'utf8'), 'whole');
  });
});
