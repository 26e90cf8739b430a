import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAbandoned, mountsBelow } from '../../cluster/cleanup.ts';
import type { ClusterState } from '../../cluster/state.ts';

const owner = { pid: 10, startTime: '1' };
const kubelet = { pid: 20, startTime: '2' };
const state: ClusterState = {
  name: 'test',
  slot: 0,
  dualStack: false,
  phase: 'ready',
  binaries: { directory: '/bin', images: [] },
  nodes: [1],
  processes: { 'node-1/kubelet': kubelet },
  madeNetnsFolder: false,
};
const running =
  (...pids: number[]) =>
  ({ pid }: { pid: number }) =>
    pids.includes(pid);

describe('a cluster is abandoned', () => {
  it('when the process that was to take it down is gone', () => {
    assert.equal(isAbandoned({ ...state, owner }, running(20)), true);
    assert.equal(isAbandoned({ ...state, owner, phase: 'starting' }, running(20)), true);
  });

  it('but not as long as that process runs', () => {
    assert.equal(isAbandoned({ ...state, owner }, running(10, 20)), false);
    assert.equal(isAbandoned({ ...state, owner, phase: 'starting' }, running(10)), false);
  });

  it('but not when it was left running on purpose', () => {
    assert.equal(isAbandoned(state, running(20)), false);
  });

  it('when it was left running but the machine was restarted', () => {
    assert.equal(isAbandoned(state, running()), true);
  });
});

describe('mounts below a folder', () => {
  const mountinfo = [
    '46 45 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '47 46 0:25 / /work/a rw - tmpfs tmpfs rw',
    '48 46 0:25 / /work/a/deep/er rw - tmpfs tmpfs rw',
    '49 46 0:25 / /work/ab rw - tmpfs tmpfs rw',
    '50 46 0:25 / /work/a/with\\040space rw - tmpfs tmpfs rw',
  ].join('\n');

  it('come deepest first, without the folder itself and its namesakes', () => {
    assert.deepEqual(mountsBelow(mountinfo, '/work'), ['/work/a/with space', '/work/a/deep/er', '/work/ab', '/work/a']);
    assert.deepEqual(mountsBelow(mountinfo, '/work/a'), ['/work/a/with space', '/work/a/deep/er']);
  });
});
