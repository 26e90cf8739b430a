import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { type Figure, figure } from '../bench/figures.ts';
import { endToEndTests } from '../test/chosen-files.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { type Cluster, startCluster } from '../test/cluster/cluster.ts';
import { clusterVariable } from '../test/e2e/environment.ts';
import { globalSetup, globalTeardown } from '../test/e2e/setup.ts';
import { type AddressedObject, addressesByFamily } from './addresses-by-family.ts';
import type { Soak } from './soak.ts';

/** The end-to-end tests of what depends on addresses: main job, sync, UDP echo and its losses, policies. */
const names = ['main-job', 'sync', 'network-faults', 'network-policy'];

/**
 * End-to-end tests on a cluster that has IPv6 only, and proof that nothing in it had an IPv4 address. It ends when it
 * is done, whatever time it was given.
 */
export const run: Soak = async ({ signal, log }) => {
  const cleanups = new Cleanups();
  return await cleanups.after(async () => {
    const cluster = await startCluster({ name: `ipv6-${process.pid}`, ipFamily: 'ipv6', log, signal });
    cleanups.add(`cluster "${cluster.name}"`, () => cluster.down());
    process.env[clusterVariable] = cluster.name;
    cleanups.add('the setup of the end-to-end tests', globalTeardown);
    await globalSetup(1);
    const { figures, failures } = await testsOn(signal);
    signal.throwIfAborted();
    const { ipv4, ipv6 } = await addressesOf(cluster);
    figures.push(
      figure('ipv4_addresses', ipv4.length, '', { atMost: 0 }),
      figure('ipv6_addresses', ipv6.length, '', { atLeast: 1 }),
    );
    return { figures, failures, details: { ipv4, ipv6 } };
  }, log);
};

/** Runs the tests one after the other: they share the cluster. */
async function testsOn(signal: AbortSignal): Promise<{ figures: Figure[]; failures: string[] }> {
  const root = join(import.meta.dirname, '..');
  const files = endToEndTests(globSync('test/e2e/*.test.ts', { cwd: root }), names).map((file) => join(root, file));
  const total = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const results = runTests({ files, concurrency: 1, signal })
    .on('test:fail', ({ name, details }) => failures.push(`${name}: ${details.error.message}`))
    .on('test:summary', ({ file, counts }) => {
      if (file !== undefined) return;
      total.passed = counts.passed;
      total.failed = counts.tests - counts.passed;
    });
  for await (const text of results.compose(spec)) process.stdout.write(text);
  return {
    figures: [
      figure('test_files', files.length, ''),
      figure('tests_passed', total.passed, '', { atLeast: files.length }),
      figure('tests_not_passed', total.failed, '', { atMost: 0 }),
    ],
    failures,
  };
}

/** All addresses that Kubernetes knows of the cluster. */
async function addressesOf(cluster: Cluster): Promise<{ ipv4: string[]; ipv6: string[] }> {
  const list = await cluster.kubectl(['get', 'nodes,pods,services,endpointslices', '-A', '-o', 'json']);
  return addressesByFamily((JSON.parse(list) as { items: AddressedObject[] }).items);
}
