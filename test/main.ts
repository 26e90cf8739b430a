import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { chosenFiles } from './chosen-files.ts';
import { globalSetup, globalTeardown } from './e2e/setup.ts';
import { inRunningOrder, isEndToEnd } from './running-order.ts';

/**
 * All tests, or the chosen ones, in one run, two files at a time. Each of the end-to-end tests has one of two clusters
 * to itself: most of their time is waiting. While the clusters start, unit tests run.
 */
const root = join(import.meta.dirname, '..');
const chosen = await chosenFiles(globSync('test/**/*.test.ts', { cwd: root }), process.argv.slice(2));
const files = inRunningOrder(chosen).map((file) => join(root, file));
const concurrency = 2;
const clusters = Math.min(concurrency, chosen.filter(isEndToEnd).length);

// Only a run that has come to its end without a failure is a success.
process.exitCode = 1;
// A signal ends every test of the run. A terminal's Ctrl-C may arrive twice, from the terminal and from npm.
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort());
// The terminal may be closed before the clean-up is done.
process.stdout.on('error', () => {});
// Each file is a process of its own. Most of the time of a unit test goes into compiling the modules that others have
// compiled before it.
const compiled = mkdtempSync(join(tmpdir(), 'net-exporter-compiled-'));
process.env.NODE_COMPILE_CACHE = compiled;
process.on('exit', () => rmSync(compiled, { recursive: true, force: true }));
await globalSetup(clusters);
try {
  const results = run({ files, concurrency, signal: ending.signal }).on('test:summary', ({ file, success }) => {
    if (file === undefined && success) process.exitCode = 0;
  });
  for await (const text of results.compose(spec)) process.stdout.write(text);
} finally {
  await globalTeardown().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
