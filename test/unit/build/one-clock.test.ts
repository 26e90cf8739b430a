import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';

const plugin = 'build/lint/one-clock.grit';

/** The numbers of the lines that the lint rule refuses. */
function refused(lines: readonly string[]): number[] {
  using directory = new TemporaryDirectory();
  const file = directory.file('sample.ts');
  writeFileSync(file, lines.join('\n'));
  writeFileSync(directory.file('biome.json'), JSON.stringify({ plugins: [resolve(plugin)] }));
  const biome = resolve('node_modules/.bin/biome');
  const { stdout, stderr } = spawnSync(biome, ['lint', '--reporter=github', file], {
    cwd: directory.path,
    encoding: 'utf8',
  });
  const found = [...`${stdout}${stderr}`.matchAll(/^::error .*\bline=(\d+),.*Time comes from src\/base\/clock/gm)];
  return [...new Set(found.map(([, line]) => Number(line)))].sort((a, b) => a - b);
}

test('the lint rule refuses each way to read a clock', () => {
  const readings = [
    'export const a = Date.now();',
    'export const b = new Date();',
    'export const c = new Date;',
    'export const d = Date();',
    'export const e = { now: Date.now };',
    'export const f = performance.now();',
    'export const g = performance.timeOrigin;',
    'export const h = process.hrtime.bigint();',
    'export const i = process.uptime();',
    'export const j = globalThis.Date.now();',
    'export const k = globalThis.performance.now();',
  ];
  assert.deepEqual(
    refused(readings),
    readings.map((_, index) => index + 1),
  );
});

test('the lint rule lets times be converted and clocks be passed', () => {
  const others = [
    "export const a = new Date(0).toISOString() + Date.parse('2026-01-01');",
    'export const b = (clock: { now(): number; wall(): number }) => clock.now() + clock.wall();',
  ];
  assert.deepEqual(refused(others), []);
});

test('the lint rule is on for everything in src but the clock itself', () => {
  const { overrides } = JSON.parse(readFileSync('biome.json', 'utf8')) as {
    overrides: { includes: string[]; plugins?: string[] }[];
  };
  const [rule, ...more] = overrides.filter(({ plugins }) => plugins?.includes(`./${plugin}`));
  assert.deepEqual([rule?.includes, more], [['src/**', 'charts/**', '!src/base/clock.ts'], []]);
});
