import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMemoryStat, residentBytes } from '../../../bench/container-memory.ts';
import { parseCpuStat } from '../../../bench/cpu-throttling.ts';

describe("a container's cgroup", () => {
  it('of version 1 counts what is below it, too', () => {
    const text = 'cache 1\nrss 2\ninactive_file 3\ntotal_rss 20\ntotal_inactive_file 30\n';
    assert.deepEqual(parseMemoryStat(text), { inactiveFile: 30, anon: 20 });
  });

  it('of version 2 has other names', () => {
    assert.deepEqual(parseMemoryStat('anon 20\nfile 5\ninactive_file 30\n'), { inactiveFile: 30, anon: 20 });
  });

  it('without what is looked for is an error, not a zero', () => {
    assert.throws(() => parseMemoryStat('anon 20\n'), /inactive_file/);
  });

  it('tells how often it was throttled', () => {
    const text = 'nr_periods 100\nnr_throttled 42\nthrottled_time 5\n';
    assert.deepEqual(parseCpuStat(text), { periods: 100, throttled: 42 });
  });
});

describe('the resident set', () => {
  it('is in kilobytes, and none for a process without memory', () => {
    assert.equal(residentBytes('Name:\tnode\nVmHWM:\t   70000 kB\nVmRSS:\t   64000 kB\n'), 65_536_000);
    assert.equal(residentBytes('Name:\tkthreadd\n'), 0);
  });
});
