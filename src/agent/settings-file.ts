import { readFileSync, statSync } from 'node:fs';
import { ProtocolError } from '../protocol/document.ts';
import { maxSettingsBytes, parseSettings, type Settings } from '../protocol/settings.ts';

/** A settings document that could not be read from its file; `message` says why. */
export class SettingsFileError extends Error {
  readonly code = 'SettingsFileUnreadable';
  override readonly name = 'SettingsFileError';
}

/** What a look at the file brought: settings, or why there are none. */
export type SettingsReading = { settings: Settings } | { error: SettingsFileError | ProtocolError };

/**
 * The settings document that is mounted into the pod. It is looked at again and again rather than watched: the kubelet swaps a link in the path
 * (`..data`), which file notifications report differently from one file system to the next.
 * All of it is synchronous: a `stat` of a local file costs microseconds, while Node's asynchronous files start a pool of threads with their memory.
 */
export class SettingsFile {
  readonly #path: string;
  #seen: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Looks at the file.
   * @returns undefined when it is what it was the last time, so that a broken file is reported once for each of its changes; never throws
   */
  poll(): SettingsReading | undefined {
    const state = this.#state();
    if (state.identity === this.#seen) return undefined;
    this.#seen = state.identity;
    if (state.problem !== undefined) return { error: new SettingsFileError(`${this.#path}: ${state.problem}`) };
    try {
      return { settings: parseSettings(readFileSync(this.#path, 'utf8')) };
    } catch (error) {
      if (error instanceof ProtocolError) return { error };
      return { error: new SettingsFileError(`${this.#path}: ${(error as Error).message}`) };
    }
  }

  /** What tells one state of the file from another, and what keeps it from being read. */
  #state(): { identity: string; problem?: string } {
    try {
      const stat = statSync(this.#path, { bigint: true });
      const identity = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
      if (!stat.isFile()) return { identity, problem: 'is not a regular file' };
      if (stat.size > maxSettingsBytes) return { identity, problem: `is larger than ${maxSettingsBytes} bytes` };
      return { identity };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      return { identity: code, problem: code === 'ENOENT' ? 'is not there' : (error as Error).message };
    }
  }
}
