import { addressesOf } from './addresses.ts';
import { imagesDirectory, programsDirectory } from './cache-directories.ts';
import { removeAbandonedClusters } from './cleanup.ts';
import { withLock } from './lock.ts';
import { netnsNames, processesInNetns, removeNetns } from './netns.ts';
import { removeNetwork } from './network.ts';
import { removeOrphanedCgroups } from './owned-cgroup.ts';
import { isOrphaned, removeOrphanedDirectories } from './owned-name.ts';
import { removeOrphanedPolicy } from './packages.ts';
import { identify, killProcess } from './processes.ts';
import { allStates, slotLockFile } from './state.ts';

/**
 * Removes what runs that were killed left on this machine: processes, clusters, network namespaces and folders. What
 * belongs to a process that still runs, and what was made to stay, is left alone. Every start calls it; a step that
 * fails is logged and stops nothing.
 */
export async function removeLeftovers(log: (line: string) => void, signal?: AbortSignal): Promise<void> {
  // All of it belongs to root.
  if (process.getuid?.() !== 0) return;
  const attempt = async (what: string, step: () => Promise<void>) => {
    await step().catch((error: Error) => log(`cannot remove ${what} of a run that was killed: ${error.message}`));
  };
  // Processes first: they hold what follows.
  await attempt('processes', async () => {
    for (const name of await removeOrphanedCgroups()) log(`ended what a run that was killed left running: ${name}`);
  });
  await attempt('clusters', () => removeAbandonedClusters(log, signal));
  for (const name of netnsNames().filter((name) => isOrphaned(name)))
    await attempt(`network namespace ${name}`, () => removeWithProcesses(name));
  await attempt('networks', removeUnknownNetworks);
  await attempt('settings of the package manager', removeOrphanedPolicy);
  await attempt('folders', async () => {
    for (const parent of [undefined, imagesDirectory(), programsDirectory()])
      for (const path of removeOrphanedDirectories(parent))
        log(`removed ${path}, which a run that was killed left behind`);
  });
}

async function removeWithProcesses(netns: string): Promise<void> {
  const identified = processesInNetns(netns).map(identify);
  // Those that are in it still, and have not become others meanwhile.
  const inside = new Set(processesInNetns(netns));
  for (const process of identified) if (process && inside.has(process.pid)) await killProcess(process);
  removeNetns(netns);
}

/** Removes networks of clusters whose state is lost: it is written before the network and removed after it. */
async function removeUnknownNetworks(): Promise<void> {
  await withLock(slotLockFile, async () => {
    const known = new Set(allStates().map(({ slot }) => slot));
    const found = new Set(
      netnsNames()
        .flatMap((name) => /^nec(\d+)-/.exec(name)?.[1] ?? [])
        .map(Number),
    );
    for (const slot of found) if (!known.has(slot)) await removeNetwork(addressesOf(slot));
  });
}
