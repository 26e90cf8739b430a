import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blockMs, delayOf, LoopDelays, longest } from '../../../bench/loop-delays.ts';

test('a delay in which the thread hardly ran is the machine’s, and one in which it ran is the program’s', () => {
  const before = { at: 1000, cpuMs: 100, waitedMs: 10 };
  const starved = delayOf(before, { at: 8674, cpuMs: 290, waitedMs: 7264 }, 1);
  assert.deepEqual([starved.lateMs, blockMs(starved)], [7624, 190]);
  const busy = delayOf(before, { at: 1350, cpuMs: 445, waitedMs: 12 }, 2);
  assert.deepEqual([busy.lateMs, blockMs(busy)], [300, 300]);
  assert.deepEqual(longest([starved, busy]), { late: 7.624, waited: 7.254, blocked: 0.3 });
  assert.deepEqual(longest([]), { late: 0, waited: 0, blocked: 0 });
});

test('a process that preloads the program writes down that its loop was busy for 300 ms', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'loop-delays-'));
  try {
    const delays = new LoopDelays(join(directory, 'delays.jsonl'));
    const { nodeOptions, environment } = delays.start;
    assert.deepEqual(delays.since(0), []);
    const busy = `
      const cpu = () => process.threadCpuUsage().user / 1000;
      setTimeout(() => { for (const end = cpu() + 300; cpu() < end; ); setTimeout(() => {}, 200); }, 100);`;
    const child = spawn(process.execPath, [...nodeOptions, '--eval', busy], {
      env: { ...process.env, ...environment },
      stdio: 'inherit',
    });
    await once(child, 'exit');
    const { blocked, late } = longest(delays.since(0));
    assert.ok(blocked >= 0.2 && blocked <= late, `${blocked} of ${late} s`);
    assert.deepEqual(delays.since(Date.now() + 1), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
