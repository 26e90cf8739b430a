import {
  cgroupDirectories,
  createCgroup,
  daemonCgroups,
  killCgroup,
  removeCgroup,
  removeCgroupIfEmpty,
} from './cgroups.ts';
import { namesIn } from './names-in.ts';
import { isOrphaned, ownedName } from './owned-name.ts';

/** The cgroup above all of ours, relative to the hierarchies' roots. */
export const parentCgroup = 'net-exporter-cluster';

/**
 * A cgroup of this process for what it starts: so all of that can be ended, by this process or, when it was killed, by
 * the next run.
 */
export class OwnedCgroup {
  readonly #path: string;

  constructor(kind: string) {
    // A dot is in no cluster's name, so these and the clusters' cgroups do not get into each other's way.
    this.#path = `${parentCgroup}/${ownedName(kind)}`;
    createCgroup(this.#path);
  }

  /** The directories by which a process joins it. */
  get directories(): string[] {
    return daemonCgroups(this.#path);
  }

  /** Kills every process in it and removes it. */
  async remove(): Promise<void> {
    await removeWithProcesses(this.#path);
  }
}

/** Kills what processes that have ended left running in their cgroups, removes those, and returns their names. */
export async function removeOrphanedCgroups(): Promise<string[]> {
  const names = new Set(cgroupDirectories(parentCgroup).flatMap(namesIn));
  const orphans = [...names].filter((name) => isOrphaned(name));
  for (const name of orphans) await removeWithProcesses(`${parentCgroup}/${name}`);
  return orphans;
}

async function removeWithProcesses(path: string): Promise<void> {
  await killCgroup(path);
  await removeCgroup(path);
  removeCgroupIfEmpty(parentCgroup);
}
