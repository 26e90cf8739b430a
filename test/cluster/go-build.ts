import { rm } from 'node:fs/promises';
import { run } from './command.ts';
import { OwnedCgroup } from './owned-cgroup.ts';
import { ownedDirectory } from './owned-name.ts';

export interface GoOptions {
  /** The module's folder. */
  cwd: string;
  signal?: AbortSignal | undefined;
  /** Called with every line of standard error as it comes. */
  onErrorLine?: (line: string) => void;
}

/**
 * Runs a `go` command, with the same result whatever the user has set for Go. Nothing of it is left however it ends:
 * Go's compilers and linkers outlive a `go` that is killed, and so does its folder for temporary files.
 * @returns its standard output
 * @throws {CommandError} with what Go said; an Error that says so where Go is missing
 */
export async function go(args: readonly string[], options: GoOptions): Promise<string> {
  const cgroup = new OwnedCgroup('go');
  const temporary = ownedDirectory('go');
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOTMPDIR: temporary };
  try {
    // Politely: tests run beside it.
    return await run(['nice', '-n', '10', 'go', ...args], { ...options, env, cgroups: cgroup.directories });
  } finally {
    await cgroup.remove();
    await rm(temporary, { recursive: true, force: true });
  }
}

/** @throws Error that says what to install where Go is missing */
export async function requireGo(): Promise<void> {
  await run(['go', 'version']).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error('Go 1.26 or newer is missing: https://go.dev/dl/', { cause: error });
    throw error;
  });
}
