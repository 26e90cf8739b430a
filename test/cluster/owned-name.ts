import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namesIn } from './names-in.ts';
import { identify, isRunning, type ProcessId } from './processes.ts';

/**
 * A name for something that goes with this process, such as a folder or a cgroup. It says who owns it, so that the next
 * run finds what a killed one left, from the moment it exists.
 */
export function ownedName(kind: string, owner: ProcessId = identify(process.pid)!): string {
  return `${kind}-${owner.pid}.${owner.startTime}-${randomBytes(3).toString('hex')}`;
}

/** The owner in a name made by `ownedName`; undefined for any other name. */
export function ownerOf(name: string): ProcessId | undefined {
  const [, pid, startTime] = /-([1-9]\d*)\.(\d+)-[0-9a-f]{6}$/.exec(name) ?? [];
  return pid && startTime ? { pid: Number(pid), startTime } : undefined;
}

/** Whether a name is one made by `ownedName` for a process that has ended. */
export function isOrphaned(name: string, running: (owner: ProcessId) => boolean = isRunning): boolean {
  const owner = ownerOf(name);
  return owner !== undefined && !running(owner);
}

/** Beginning of the names of our folders in the machine's folder for temporary files. */
const prefix = 'net-exporter-';

/**
 * Makes an empty folder of this process in `parent`, the machine's folder for temporary files unless given; only root
 * may enter it.
 */
export function ownedDirectory(kind: string, parent = tmpdir()): string {
  const directory = join(parent, `${prefix}${ownedName(kind)}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** Removes the folders in `parent` that processes that have ended left there, and returns their paths. */
export function removeOrphanedDirectories(parent = tmpdir()): string[] {
  const orphans = namesIn(parent).filter((name) => name.startsWith(prefix) && isOrphaned(name));
  const paths = orphans.map((name) => join(parent, name));
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  return paths;
}
