import { execFileSync } from 'node:child_process';
import { closeSync, globSync, mkdirSync, openSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { mountPoints } from './mounts.ts';
import { namesIn } from './names-in.ts';

/**
 * The folder of all network namespaces that tests make. Not /run/netns: the first `ip netns add` on a machine
 * bind-mounts that folder onto itself with everything mounted below, and from then on no namespace made there before
 * can be removed.
 */
const folder = '/run/net-exporter-netns';

/** The file that stands for a network namespace, for `nsenter --net` and `ip link … netns`. */
export function netnsFile(name: string): string {
  return join(folder, name);
}

/** Names of the network namespaces that tests have made on this machine. */
export function netnsNames(): string[] {
  return namesIn(folder);
}

/** Makes an empty network namespace with that name, which lives until `removeNetns`. */
export async function createNetns(name: string): Promise<void> {
  createFile(netnsFile(name));
  await run(['unshare', `--net=${netnsFile(name)}`, 'true']);
}

function createFile(file: string): void {
  for (let attempt = 1; ; attempt++) {
    mkdirSync(folder, { recursive: true });
    try {
      closeSync(openSync(file, 'wx', 0o444));
      return;
    } catch (error) {
      // Another process has just removed the folder, which was empty.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 10) throw error;
    }
  }
}

/**
 * Removes a network namespace, whole or half-made, with every mount of its name. It does nothing where there is none.
 * Synchronous, since handlers of the process's end call it too.
 */
export function removeNetns(name: string): void {
  const file = netnsFile(name);
  for (const path of mountPoints()) if (path === file) execFileSync('umount', [file], { stdio: 'pipe' });
  rmSync(file, { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Others are in it, or it is gone.
  }
}

/** The processes in a network namespace. */
export function processesInNetns(name: string): number[] {
  const inode = inodeOf(netnsFile(name));
  return globSync('/proc/[0-9]*').flatMap((directory) => {
    const found = inodeOf(join(directory, 'ns/net'));
    return found !== undefined && found === inode ? [Number(directory.slice('/proc/'.length))] : [];
  });
}

/** Undefined where there is no such file, or none that we may look at, such as that of another user's process. */
function inodeOf(file: string): number | undefined {
  try {
    return statSync(file).ino;
  } catch {
    return undefined;
  }
}

/** A command line that runs `command` in a network namespace. */
export function inNetns(name: string, command: readonly string[]): string[] {
  return ['nsenter', `--net=${netnsFile(name)}`, ...command];
}
