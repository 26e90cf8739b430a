import { existsSync, readFileSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { addressesOf } from './addresses.ts';
import { killCgroup, removeCgroup, removeCgroupIfEmpty } from './cgroups.ts';
import { run } from './command.ts';
import { withLock } from './lock.ts';
import { removeNetnsFolder, removeNetwork } from './network.ts';
import { isRunning } from './processes.ts';
import { type ClusterState, clusterDirectory, clustersDirectory, lockFile, readState } from './state.ts';

const parentCgroup = 'net-exporter-cluster';

/** The cgroup of all processes of a cluster, relative to the hierarchies' roots. */
export function clusterCgroup(name: string): string {
  return `${parentCgroup}/${name}`;
}

/** Whether a cluster is one that nobody is going to take down: its starter died, or it stopped half-way. */
export function isAbandoned(state: ClusterState, running = isRunning): boolean {
  if (state.owner !== undefined) return !running(state.owner);
  return state.phase === 'starting' || !Object.values(state.processes).some((process) => running(process));
}

/**
 * Ends and removes everything of the cluster with that name, whole or in ruins; the caller holds its lock. All processes
 * are found by their cgroup, everything else by names that only this slot uses, so it does not matter where a crash
 * struck. The state file goes last: as long as there is something left, it can be found.
 */
export async function removeCluster(name: string): Promise<void> {
  const state = readState(name);
  await killCgroup(clusterCgroup(name));
  if (state !== undefined) await removeNetwork(addressesOf(state.slot, state.dualStack));
  await removeCgroup(clusterCgroup(name));
  removeCgroupIfEmpty(parentCgroup);
  const directory = clusterDirectory(name);
  await unmountBelow(directory);
  await rm(directory, { recursive: true, force: true });
  await rmdir(clustersDirectory()).catch(() => {});
  if (state?.madeNetnsFolder) removeNetnsFolder();
}

/** Takes the cluster with that name down, also half-started or crashed ones. Does nothing where there is none. */
export async function removeClusterNamed(name: string, log: (line: string) => void = () => {}): Promise<void> {
  const onWait = () => log(`waiting: another process is starting or ending cluster "${name}"`);
  await withLock(lockFile(name), () => removeCluster(name), onWait);
}

/** A node's mounts end with its mount namespace; should one be in the machine's all the same, no removal may run into it. */
async function unmountBelow(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  for (const path of mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), directory)) await run(['umount', path]);
}

/** The mount points below a folder in the text of /proc/self/mountinfo, deepest first. */
export function mountsBelow(mountinfo: string, directory: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8))),
    )
    .filter((path) => path.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
}
