import { readdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addressesOf } from './addresses.ts';
import { killCgroup, removeCgroup, removeCgroupIfEmpty } from './cgroups.ts';
import { Cleanups } from './cleanups.ts';
import { run } from './command.ts';
import { restoreInotifyLimit } from './inotify-limit.ts';
import { withLock } from './lock.ts';
import { mountsBelow } from './mounts.ts';
import { removeNetwork } from './network.ts';
import { parentCgroup } from './owned-cgroup.ts';
import { isRunning } from './processes.ts';
import {
  type ClusterState,
  clusterDirectory,
  clusterNames,
  clustersDirectory,
  lockFile,
  readState,
  slotLockFile,
} from './state.ts';

/** The cgroup of all processes of a cluster, relative to the hierarchies' roots. */
export function clusterCgroup(name: string): string {
  return `${parentCgroup}/${name}`;
}

/** Whether no running process is going to take a cluster down: its starter died, or it stopped half-way. */
export function isAbandoned(state: ClusterState, running = isRunning): boolean {
  if (state.owner !== undefined) return !running(state.owner);
  return state.phase === 'starting' || !Object.values(state.processes).some((process) => running(process));
}

/**
 * Ends and removes everything of the cluster with that name, whole or in ruins; the caller holds its lock. All
 * processes are found by their cgroup, everything else by names that only this slot uses, so it does not matter where a
 * crash struck. A step that fails does not stop the others. The state file goes last and stays after a failure: as long
 * as something is left, it can be found.
 * @throws {CleanupError} that names what is left
 */
export async function removeCluster(name: string): Promise<void> {
  const directory = clusterDirectory(name);
  const state = readState(name);
  // The newest is undone first, so the last one added runs first.
  const cleanups = new Cleanups();
  cleanups.add(`files below ${directory}`, () => removeContents(directory));
  cleanups.add(`mounts below ${directory}`, async () => {
    // A node's mounts end with its mount namespace; should one be in the machine's all the same, no removal may run
    // into it.
    for (const path of mountsBelow(directory)) await run(['umount', path]);
  });
  cleanups.add(`cgroup ${clusterCgroup(name)}`, () => removeCgroup(clusterCgroup(name)));
  cleanups.add('network', async () => {
    if (state !== undefined) await removeNetwork(addressesOf(state.slot));
  });
  cleanups.add(`processes in cgroup ${clusterCgroup(name)}`, () => killCgroup(clusterCgroup(name)));
  await cleanups.run();
  await rm(directory, { recursive: true, force: true });
  await rmdir(clustersDirectory()).catch(() => {});
  removeCgroupIfEmpty(parentCgroup);
  await withLock(slotLockFile, async () => {
    if (clusterNames().length === 0) restoreInotifyLimit();
  });
}

/** Everything in a cluster's folder but its state, by which the next try finds what is left. */
async function removeContents(directory: string): Promise<void> {
  if (mountsBelow(directory).length > 0) throw new Error('something is still mounted below it');
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) if (name !== 'state.json') await rm(join(directory, name), { recursive: true });
}

/** Takes the cluster with that name down, also a half-started or crashed one. Does nothing where there is none. */
export async function removeClusterNamed(name: string, log: (line: string) => void = () => {}): Promise<void> {
  const onWait = () => log(`waiting: another process is starting or ending cluster "${name}"`);
  await withLock(lockFile(name), () => removeCluster(name), onWait);
}

/**
 * Removes every cluster whose owner died or whose start stopped half-way. What cannot be removed is logged and left for
 * the next try.
 */
export async function removeAbandonedClusters(log: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const removeIfRuin = async (name: string) => {
    if (!isRuin(name)) return;
    const remove = async () => {
      // The process that held the lock until now may have removed it, or started another one of that name.
      if (!clusterNames().includes(name) || !isRuin(name)) return;
      log(`removing cluster "${name}", which a run that was killed left behind`);
      await removeCluster(name);
    };
    const onWait = () => log(`waiting: another process is starting or ending cluster "${name}"`);
    await withLock(lockFile(name), remove, onWait, signal);
  };
  for (const name of clusterNames())
    await removeIfRuin(name).catch((error: Error) => log(`cluster "${name}" is not removed: ${error.message}`));
}

/** A folder without a state is one too: a crash may strike before the first state is written. */
function isRuin(name: string): boolean {
  const state = readState(name);
  return state === undefined || isAbandoned(state);
}
