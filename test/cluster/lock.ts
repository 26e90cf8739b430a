import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';

// Whoever holds it alone removes the file before the lock is released; whoever waited for the removed file notices and
// takes the new one.
const script = `
while :; do
  exec 9>"$1" || exit 1
  flock -n "$2" 9 || { echo waiting; flock "$2" 9; }
  [ "$1" -ef /proc/self/fd/9 ] && break
done
echo locked
cat >/dev/null
[ "$2" = --shared ] || rm -f "$1"`;

export interface FileLockOptions {
  /** Others that ask for it shared may hold it at the same time. */
  shared?: boolean;
  /** Called once if somebody else holds it. */
  onWait?: (() => void) | undefined;
  /** Ends the wait. */
  signal?: AbortSignal | undefined;
}

/** A lock on a file: released by `release`, or by the kernel when this process dies in whatever way. */
export class FileLock {
  readonly #end: () => Promise<void>;
  readonly #unref: () => void;

  private constructor(end: () => Promise<void>, unref: () => void) {
    this.#end = end;
    this.#unref = unref;
  }

  /**
   * Waits until the lock is ours.
   * @throws the signal's reason when it is aborted before
   */
  static async acquire(path: string, { shared = false, onWait, signal }: FileLockOptions = {}): Promise<FileLock> {
    signal?.throwIfAborted();
    await mkdir(dirname(path), { recursive: true });
    const args = ['-c', script, 'sh', path, shared ? '--shared' : '--exclusive'];
    // In a session of its own, so that a Ctrl-C at the terminal does not release the lock during the clean-up.
    const child = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
    // Its flock has its process group: both end.
    const abandon = () => process.kill(-child.pid!, 'SIGKILL');
    signal?.addEventListener('abort', abandon, { once: true });
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => reject(signal?.aborted ? signal.reason : new Error(`cannot lock ${path}`)));
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('waiting')) onWait?.();
        if (text.includes('locked')) resolve();
      });
    }).finally(() => signal?.removeEventListener('abort', abandon));
    const end = async () => {
      child.stdin.end();
      await closed;
    };
    return new FileLock(end, () => {
      child.unref();
      for (const stream of [child.stdin, child.stdout]) (stream as Socket).unref();
    });
  }

  async release(): Promise<void> {
    await this.#end();
  }

  /** Holding the lock keeps this process no longer from ending, and its end releases it. */
  unref(): void {
    this.#unref();
  }
}

/** Runs `work` while holding the lock. @param signal ends the wait for it */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait?: () => void,
  signal?: AbortSignal,
): Promise<T> {
  const lock = await FileLock.acquire(path, { onWait, signal });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
