import { imagesDirectory, programsDirectory } from './cache-directories.ts';
import { removeAbandonedClusters } from './cleanup.ts';
import { netnsNames, processesInNetns, removeNetns } from './netns.ts';
import { removeOrphanedCgroups } from './owned-cgroup.ts';
import { isOrphaned, removeOrphanedDirectories } from './owned-name.ts';
import { identify, killProcess } from './processes.ts';

/**
 * Removes what runs that were killed left on this machine: processes, clusters, network namespaces and folders. What
 * belongs to a process that still runs, and what was made to stay, is left alone. Every start calls it; a step that
 * fails is logged and stops nothing.
 */
export async function removeLeftovers(log: (line: string) => void): Promise<void> {
  const attempt = async (what: string, step: () => Promise<void>) => {
    await step().catch((error: Error) => log(`cannot remove ${what} of a run that was killed: ${error.message}`));
  };
  // Processes first: they hold what follows.
  await attempt('processes', async () => {
    for (const name of await removeOrphanedCgroups()) log(`ended what a run that was killed left running: ${name}`);
  });
  await attempt('clusters', () => removeAbandonedClusters(log));
  await attempt('network namespaces', async () => {
    for (const name of netnsNames().filter((name) => isOrphaned(name))) {
      for (const pid of processesInNetns(name)) {
        const process = identify(pid);
        if (process) await killProcess(process);
      }
      removeNetns(name);
    }
  });
  await attempt('folders', async () => {
    for (const parent of [undefined, imagesDirectory(), programsDirectory()])
      for (const path of removeOrphanedDirectories(parent))
        log(`removed ${path}, which a run that was killed left behind`);
  });
}
