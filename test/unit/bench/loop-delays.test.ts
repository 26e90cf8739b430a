import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blockMs, delayOf, LoopDelays, longest } from '../../../bench/loop-delays.ts';
import { waitFor } from '../../cluster/wait.ts';

test('a delay in which the thread hardly ran is the machine’s, and one in which it ran is the program’s', () => {
  const before = { at: 1000, cpuMs: 100, waitedMs: 10 };
  const starved = delayOf(before, { at: 8674, cpuMs: 290, waitedMs: 7264 }, 1);
  assert.deepEqual([starved.lateMs, blockMs(starved)], [7624, 370]);
  const busy = delayOf(before, { at: 1350, cpuMs: 445, waitedMs: 12 }, 2);
  assert.deepEqual([busy.lateMs, blockMs(busy)], [300, 300]);
  assert.deepEqual(longest([starved, busy]), { late: 7.624, waited: 7.254, blocked: 0.37 });
  assert.deepEqual(longest([]), { late: 0, waited: 0, blocked: 0 });
});

test('a thread that neither ran nor waited for a processor was held up by what it called', () => {
  const asleep = delayOf({ at: 0, cpuMs: 0, waitedMs: 0 }, { at: 450, cpuMs: 2, waitedMs: 5 }, 1);
  assert.deepEqual([asleep.lateMs, blockMs(asleep)], [400, 395]);
});

/** Runs a program that preloads the measuring, until `body` has ended. */
async function measured(program: string, body: (delays: LoopDelays) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'loop-delays-'));
  try {
    const delays = new LoopDelays(join(directory, 'delays.jsonl'), 30_000);
    const { nodeOptions, environment } = delays.start;
    const child = spawn(process.execPath, [...nodeOptions, '--eval', program], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      await body(delays);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Lives on, and once calls what holds up its loop. */
const holdingUp = (call: string) => `setInterval(() => {}, 1000); setTimeout(() => { ${call} }, 100);`;
const sleeping = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);';
const busy = 'const cpu = () => process.threadCpuUsage().user / 1000; for (const end = cpu() + 300; cpu() < end; );';

for (const [what, call] of Object.entries({ busy, 'waiting for a lock': sleeping }))
  test(`a process that preloads the program writes down that its loop was ${what} for 300 ms`, () =>
    measured(holdingUp(call), async (delays) => {
      const isSeen = async () => longest(await delays.since(0)).blocked >= 0.2;
      await waitFor('the delay', isSeen, { timeout: 30_000 });
      const { blocked, late } = longest(await delays.since(0));
      assert.ok(blocked <= late, `${blocked} of ${late} s`);
    }));

test('a delay that is under way when it is asked for is waited for', () =>
  measured(`setInterval(() => { ${sleeping.replace('400', '1000')} }, 10);`, async (delays) => {
    const askedAt = Date.now();
    assert.ok((await delays.since(0)).at(-1)!.endedAt > askedAt);
    // The loop is held up nearly all the time: this is asked in the middle of a delay.
    const again = Date.now();
    const [delay] = await delays.since(again);
    assert.ok(delay!.endedAt > again && blockMs(delay!) > 500, JSON.stringify(delay));
  }));

test('a process that writes nothing down, or has ended, is an error, not a loop without delays', async () => {
  const missing = new LoopDelays(join(tmpdir(), `no-loop-delays-${process.pid}`), 200);
  await assert.rejects(missing.since(0), { code: 'CLUSTER_TIMEOUT' });
  const directory = mkdtempSync(join(tmpdir(), 'loop-delays-'));
  try {
    const file = join(directory, 'delays.jsonl');
    writeFileSync(file, `${JSON.stringify({ endedAt: Date.now() - 1, lateMs: 30, cpuMs: 1, waitedMs: 1 })}\n`);
    await assert.rejects(new LoopDelays(file, 200).since(0), { code: 'CLUSTER_TIMEOUT' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
