import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { registerProcessMetrics } from '../../../src/metrics/process-metrics.ts';
import { readSeries } from '../agent/exposition.ts';

function setUp() {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return async (name: string) => readSeries(await registry.metrics()).get(name)!;
}

test('the process metrics agree with what the system says', async () => {
  const read = setUp();
  const [rssKiB, vszKiB] = execFileSync('ps', ['-o', 'rss=,vsz=', '-p', String(process.pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
    .map(Number);
  const near = (a: number, b: number) => Math.abs(a / b - 1) < 0.2;
  assert.ok(near(await read('process_resident_memory_bytes'), rssKiB! * 1024));
  assert.ok(near(await read('process_virtual_memory_bytes'), vszKiB! * 1024));
  assert.ok(Math.abs((await read('process_start_time_seconds')) - (Date.now() / 1000 - process.uptime())) < 2);
  const soft = execFileSync('sh', ['-c', `awk '/Max open files/ {print $4}' /proc/${process.pid}/limits`], {
    encoding: 'utf8',
  });
  assert.equal(await read('process_max_fds'), Number(soft));
});

test('a descriptor that is opened is counted', async () => {
  const read = setUp();
  const before = await read('process_open_fds');
  const descriptors = Array.from({ length: 5 }, () => openSync('/dev/null', 'r'));
  assert.equal(await read('process_open_fds'), before + 5);
  for (const descriptor of descriptors) closeSync(descriptor);
  assert.equal(await read('process_open_fds'), before);
});

test('CPU time is a counter that goes with the process', async () => {
  const read = setUp();
  const first = await read('process_cpu_seconds_total');
  const spinUntil = process.cpuUsage().user + 50_000;
  while (process.cpuUsage().user < spinUntil);
  const second = await read('process_cpu_seconds_total');
  const { user, system } = process.cpuUsage();
  assert.ok(second >= first + 0.05 && second <= (user + system) / 1e6);
});
