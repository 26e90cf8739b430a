import { accessSync, constants, existsSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { ClusterError } from './cluster-error.ts';

/** Free space that building the images takes, with room for a cluster's own files. Bytes. */
const neededSpace = 500e6;

/**
 * Makes a folder of the cache, and tries to write to it.
 * @throws ClusterError CACHE_UNUSABLE where it cannot be written to, or has too little space for what is built in it
 */
export function requireCacheFolder(folder: string): void {
  const trial = join(folder, `.trial-${process.pid}`);
  try {
    makeFolder(folder);
    writeFileSync(trial, 'x');
    rmSync(trial);
  } catch (error) {
    throw unusable(`cannot write to the cache folder ${folder}: ${reasonOf(error as NodeJS.ErrnoException, folder)}`);
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < neededSpace)
    throw unusable(`the cache folder ${folder} has ${megabytes(free)} free and needs ${megabytes(neededSpace)}`);
}

function unusable(problem: string): ClusterError {
  return new ClusterError(
    'CACHE_UNUSABLE',
    `${problem}. Set XDG_CACHE_HOME to a folder that has space and is writable.`,
  );
}

/**
 * Not by `recursive: true`: that never ends below /proc, and its message for a read-only file system is
 * `ENOENT: …, mkdir ''`.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!existsSync(folder)) throw error;
  }
}

function reasonOf(error: NodeJS.ErrnoException, folder: string): string {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  if (!statSync(existing).isDirectory()) return `${existing} is a file`;
  try {
    accessSync(existing, constants.W_OK);
  } catch (denied) {
    return `${existing}: ${messageOf(denied as NodeJS.ErrnoException)}`;
  }
  return `${existing}: ${messageOf(error)}`;
}

function messageOf({ errno, message }: NodeJS.ErrnoException): string {
  return errno === undefined ? message : getSystemErrorMessage(errno);
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}
