import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { parseCpuSeconds, parseResident, readProcessUsage } from '../../../bench/process-usage.ts';

describe('the usage of a process', () => {
  it('adds user and system time, whatever its name is', () => {
    const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
    fields[0] = 'S';
    fields[11] = '250';
    fields[12] = '50';
    assert.equal(parseCpuSeconds(`17 (a ) b (c)) ${fields.join(' ')}\n`), 3);
  });

  it('has resident memory now and at its peak', () => {
    const status = 'Name:\tnode\nVmPeak:\t 9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n';
    assert.deepEqual(parseResident(status), { rss: 2 ** 20, peakRss: 2 ** 21 });
  });

  it('is that of a running process', async () => {
    const script =
      'const end = Date.now() + 300; while (Date.now() < end); console.log("done"); setInterval(() => {}, 1000)';
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(child.stdout, 'data');
      const { cpuSeconds, rss, peakRss } = readProcessUsage(child.pid!);
      assert.ok(cpuSeconds > 0.02 && cpuSeconds < 10, `${cpuSeconds}`);
      assert.ok(rss > 10 * 2 ** 20 && peakRss >= rss, `${rss} ${peakRss}`);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
