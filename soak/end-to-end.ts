import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from 'node:test';
import type { Cleanups } from '../test/cluster/cleanups.ts';
import { buildImages } from '../test/cluster/images.ts';
import { ownedDirectory } from '../test/cluster/owned-name.ts';
import type { Cluster } from '../test/cluster/running-cluster.ts';
import { setupVariable } from '../test/e2e/environment.ts';
import { furnish } from '../test/e2e/setup.ts';
import { SetupRecord } from '../test/e2e/setup-record.ts';

/** What end-to-end tests came to. */
export interface TestResults {
  passed: number;
  /** File and name of each. */
  failed: string[];
  /** The same with the reason. */
  skipped: string[];
}

/** Installs on a cluster what the end-to-end tests need, and has those that run from now on use it. */
export async function prepareTests(cluster: Cluster, cleanups: Cleanups, log: (line: string) => void): Promise<void> {
  const directory = ownedDirectory('e2e');
  cleanups.add(`folder ${directory}`, () => rm(directory, { recursive: true, force: true }));
  const images = await buildImages({ log });
  const [record] = await SetupRecord.create(directory, 1);
  await record!.write({ setup: await furnish(cluster, images, join(directory, '0'), cleanups) });
  process.env[setupVariable] = directory;
}

/**
 * Runs end-to-end tests one file after the other, since they share a cluster.
 * @param names of files, without their ending
 */
export async function runTests(
  names: readonly string[],
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<TestResults> {
  const files = names.map((name) => join(import.meta.dirname, `../test/e2e/${name}.test.ts`));
  const results: TestResults = { passed: 0, failed: [], skipped: [] };
  for await (const { type, data } of run({ files, concurrency: 1, signal })) {
    if (type === 'test:fail') {
      const { name, file = '', details } = data;
      const failed = `${basename(file, '.test.ts')}: ${name}`;
      results.failed.push(failed);
      log(`${failed}: ${details.error.cause ?? details.error.message}`);
    } else if (type === 'test:pass') {
      const { name, file = '', skip, nesting } = data;
      if (skip) results.skipped.push(`${basename(file, '.test.ts')}: ${name}: ${skip}`);
      else results.passed++;
      if (nesting === 0) log(`${basename(file, '.test.ts')}: ${skip ? `skipped: ${name}: ${skip}` : name}`);
    } else if (type === 'test:stderr' || (type === 'test:diagnostic' && data.file !== undefined)) {
      log(data.message);
    }
  }
  signal.throwIfAborted();
  return results;
}
