import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHierarchies } from '../../cluster/cgroups.ts';

describe('cgroup hierarchies', () => {
  it('are found on a machine with both versions', () => {
    const mounts = [
      'tmpfs /sys/fs/cgroup tmpfs rw 0 0',
      'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
      'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
    ].join('\n');
    const [cpu, unified, ...others] = parseHierarchies(mounts);
    assert.equal(cpu?.directory, '/sys/fs/cgroup/cpu,cpuacct');
    assert.ok(cpu?.controllers.includes('cpuacct'));
    assert.deepEqual(unified, { directory: '/sys/fs/cgroup/unified', version: 2, controllers: [] });
    assert.deepEqual(others, []);
  });

  it('is one on a machine with version 2 only', () => {
    const found = parseHierarchies('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n');
    assert.deepEqual(found, [{ directory: '/sys/fs/cgroup', version: 2, controllers: [] }]);
  });
});
