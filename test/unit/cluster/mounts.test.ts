import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mountPoints, mountsBelow } from '../../cluster/mounts.ts';

describe('mounts below a folder', () => {
  const mountinfo = [
    '46 45 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '47 46 0:25 / /work/a rw - tmpfs tmpfs rw',
    '48 46 0:25 / /work/a/deep/er rw - tmpfs tmpfs rw',
    '49 46 0:25 / /work/ab rw - tmpfs tmpfs rw',
    '50 46 0:25 / /work/a/with\\040space rw - tmpfs tmpfs rw',
  ].join('\n');

  it('come deepest first, without the folder itself and its namesakes', () => {
    assert.deepEqual(mountsBelow('/work', mountinfo), ['/work/a/with space', '/work/a/deep/er', '/work/ab', '/work/a']);
    assert.deepEqual(mountsBelow('/work/a', mountinfo), ['/work/a/with space', '/work/a/deep/er']);
  });
});

it('a path that is mounted on twice is two mount points', () => {
  const twice = ['46 45 0:4 net:[1] /run/a rw - nsfs nsfs rw', '47 46 0:4 net:[1] /run/a rw - nsfs nsfs rw'].join('\n');
  assert.deepEqual(mountPoints(twice), ['/run/a', '/run/a']);
});
