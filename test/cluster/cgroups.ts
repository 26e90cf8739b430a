import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from './wait.ts';

/** A mounted cgroup hierarchy: `controllers` is empty for the unified one (version 2). */
export interface Hierarchy {
  directory: string;
  version: 1 | 2;
  controllers: string[];
}

/** The cgroup hierarchies in the text of /proc/mounts. */
export function parseHierarchies(mounts: string): Hierarchy[] {
  return mounts.split('\n').flatMap((line): Hierarchy[] => {
    const [, directory = '', type, options = ''] = line.split(' ');
    if (type === 'cgroup2') return [{ directory, version: 2, controllers: [] }];
    if (type !== 'cgroup') return [];
    return [{ directory, version: 1, controllers: options.split(',') }];
  });
}

function hierarchies(): Hierarchy[] {
  const seen = new Set<string>();
  return parseHierarchies(readFileSync('/proc/mounts', 'utf8')).filter(({ directory }) => {
    if (seen.has(directory)) return false;
    seen.add(directory);
    return true;
  });
}

/** The directories of a cgroup, one in each hierarchy. */
export function cgroupDirectories(path: string): string[] {
  return hierarchies().map(({ directory }) => join(directory, path));
}

/** The directory of a cgroup where its memory is counted. */
export function memoryCgroupDirectory(path: string): string {
  const all = hierarchies();
  const found =
    all.find(({ controllers }) => controllers.includes('memory')) ?? all.find(({ version }) => version === 2);
  return join(found?.directory ?? '/sys/fs/cgroup', path);
}

/**
 * Makes a cgroup and those above it ready for a kubelet: in every version 1 hierarchy (the kubelet insists on that), or
 * in the unified one with its controllers handed down when there is no other.
 */
export function createCgroup(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      createInAllHierarchies(path);
      return;
    } catch (error) {
      // Another process has just removed the empty cgroup above it.
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!['ENOENT', 'ENODEV'].includes(code) || attempt === 10) throw error;
    }
  }
}

function createInAllHierarchies(path: string): void {
  const all = hierarchies();
  const unifiedOnly = all.every(({ version }) => version === 2);
  for (const { directory, version, controllers } of all) {
    if (version === 2 && !unifiedOnly) continue;
    let current = directory;
    for (const part of path.split('/').filter(Boolean)) {
      if (version === 2) handDownControllers(current);
      current = join(current, part);
      mkdirSync(current, { recursive: true });
      if (controllers.includes('cpuset')) inheritCpuset(current);
    }
  }
}

function handDownControllers(directory: string): void {
  for (const name of readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ')) {
    try {
      writeFileSync(join(directory, 'cgroup.subtree_control'), `+${name}`);
    } catch {
      // A controller that can't be handed down here is missed by whoever needs it, with a message of its own.
    }
  }
}

/** A new cpuset of version 1 is empty, and no process can enter an empty one. */
function inheritCpuset(directory: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = join(directory, name);
    if (readFileSync(file, 'utf8').trim() === '') {
      writeFileSync(file, readFileSync(join(dirname(directory), name), 'utf8'));
    }
  }
}

/** Where a long-lived process of ours joins: enough to find and measure it, and all that it starts. */
export function daemonCgroups(path: string): string[] {
  const all = hierarchies();
  const wanted = all.filter(({ controllers }) => controllers.includes('pids') || controllers.includes('memory'));
  return (wanted.length > 0 ? wanted : all).map(({ directory }) => join(directory, path));
}

/** Shell text by which a process enters cgroups before it becomes its program. */
export function joinCgroupScript(directories: readonly string[]): string {
  return directories.map((directory) => `echo $$ > '${directory}/cgroup.procs' || exit 1; `).join('');
}

function processesIn(path: string): Set<number> {
  const pids = new Set<number>();
  for (const directory of cgroupDirectories(path)) {
    if (!existsSync(directory)) continue;
    for (const file of [join(directory, 'cgroup.procs'), ...globSync(join(directory, '**/cgroup.procs'))]) {
      try {
        for (const line of readFileSync(file, 'utf8').split('\n'))
          if (line !== '' && line !== '0') pids.add(Number(line));
      } catch {
        // The cgroup went away meanwhile.
      }
    }
  }
  return pids;
}

/** Kills every process in a cgroup and those below it, until none is left. The cgroup is ours, and so are they. */
export async function killCgroup(path: string): Promise<void> {
  await waitFor(
    `the end of all processes in cgroup ${path}`,
    () => {
      const pids = processesIn(path);
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      }
      return pids.size === 0;
    },
    { timeout: 30_000, interval: 20 },
  );
}

/** Removes a cgroup and those below it, in every hierarchy. */
export async function removeCgroup(path: string): Promise<void> {
  for (const directory of cgroupDirectories(path)) {
    await waitFor(`the removal of ${directory}`, () => removeTree(directory), { timeout: 10_000, interval: 20 });
  }
}

/** Removes a cgroup that the clusters share as soon as it is empty; leaves it otherwise. */
export function removeCgroupIfEmpty(path: string): void {
  for (const directory of cgroupDirectories(path)) {
    try {
      rmdirSync(directory);
    } catch {
      // Another cluster's are in there, or there is none.
    }
  }
}

function removeTree(directory: string): boolean {
  if (!existsSync(directory)) return true;
  for (const name of readdirSync(directory)) {
    const child = join(directory, name);
    if (statSync(child, { throwIfNoEntry: false })?.isDirectory()) removeTree(child);
  }
  // Just after its last process ended a cgroup can be busy for some milliseconds: an error here means "try again".
  rmdirSync(directory);
  return true;
}
