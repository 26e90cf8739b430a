import { figure } from '../bench/figures.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { type Cluster, startCluster } from '../test/cluster/cluster.ts';
import { type AddressedObject, addressesByFamily } from './addresses-by-family.ts';
import { prepareTests, runTests } from './end-to-end.ts';
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
    await prepareTests(cluster, cleanups, log);
    const { passed, failed, skipped } = await runTests(names, signal, log);
    const { ipv4, ipv6 } = await addressesOf(cluster);
    const figures = [
      figure('tests_passed', passed, '', { atLeast: names.length }),
      figure('tests_failed', failed.length, '', { atMost: 0 }),
      figure('tests_skipped', skipped.length, '', { atMost: 0 }),
      figure('ipv4_addresses', ipv4.length, '', { atMost: 0 }),
      figure('ipv6_addresses', ipv6.length, '', { atLeast: 1 }),
    ];
    return { figures, failures: failed, details: { ipv4, ipv6, skipped } };
  }, log);
};

/** All addresses that Kubernetes knows of the cluster. */
async function addressesOf(cluster: Cluster): Promise<{ ipv4: string[]; ipv6: string[] }> {
  const list = await cluster.kubectl(['get', 'nodes,pods,services,endpointslices', '-A', '-o', 'json']);
  return addressesByFamily((JSON.parse(list) as { items: AddressedObject[] }).items);
}
