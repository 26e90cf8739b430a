import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { programsDirectory } from './cache-directories.ts';
import { requireCacheFolder } from './cache-folder.ts';
import { withLock } from './lock.ts';
import { ownedDirectory } from './owned-name.ts';

/**
 * A folder of programs that is built once on a machine, outside the checkout: where there is none with that key,
 * `build` fills an empty one. Several callers at a time build once; what did not come to its end is never taken for
 * whole.
 * @param onWait called once when another process builds the same
 * @param signal ends the wait for that
 */
export async function builtOnce(
  key: string,
  build: (directory: string) => Promise<void>,
  onWait?: () => void,
  signal?: AbortSignal,
): Promise<string> {
  const cache = programsDirectory();
  const finished = join(cache, key);
  if (existsSync(finished)) return finished;
  requireCacheFolder(cache);
  const buildIt = async () => {
    if (existsSync(finished)) return;
    const partial = ownedDirectory('programs', cache);
    try {
      await build(partial);
      await rename(partial, finished);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  };
  await withLock(join(cache, `${key}.lock`), buildIt, onWait, signal);
  return finished;
}
