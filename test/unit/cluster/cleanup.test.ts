import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAbandoned } from '../../cluster/cleanup.ts';
import type { ClusterState } from '../../cluster/state.ts';

const owner = { pid: 10, startTime: '1' };
const kubelet = { pid: 20, startTime: '2' };
const state: ClusterState = {
  name: 'test',
  slot: 0,
  ipFamily: 'ipv4',
  phase: 'ready',
  binaries: { directory: '/bin', images: [], prometheusAssets: '/static' },
  wanted: 1,
  nodes: [1],
  processes: { 'node-1/kubelet': kubelet },
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
