import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs of the cluster are kept that were built on this machine, outside the checkout. */
export function programsDirectory(): string {
  return join(cacheDirectory(), 'cluster');
}

/** Where images that were built on this machine are kept. */
export function imagesDirectory(): string {
  return join(cacheDirectory(), 'images');
}

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'net-exporter');
}
