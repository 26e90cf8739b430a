import { readFileSync, statSync } from 'node:fs';
import { ProtocolError } from '../../protocol/document.ts';

/** Why a file cannot be read. docs/errors.md says what to do about each. */
export const mountedFileErrorCodes = ['FileMissing', 'FileUnreadable'] as const;

/** A file that cannot be read; `message` says why. */
export class MountedFileError extends Error {
  override readonly name = 'MountedFileError';
  readonly code: (typeof mountedFileErrorCodes)[number];

  constructor(code: MountedFileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Result of a poll: the document, or why there is none. */
export type Reading<T> = { document: T } | { error: MountedFileError | ProtocolError };

/**
 * A document in a file that is mounted into the pod. The file is polled, not watched: the kubelet replaces a symbolic
 * link in the path (`..data`), which file notifications report differently on each file system.
 * All calls are synchronous: a `stat` of a local file takes microseconds, and asynchronous file access in Node starts a
 * thread pool that costs memory.
 */
export class MountedFile<T> {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #parse: (text: string) => T;
  /** State of the file at the last poll. */
  #seen: string | undefined;

  /**
   * @param maxBytes larger files are not read
   * @param parse throws a ProtocolError if the text is not a valid document
   */
  constructor(path: string, maxBytes: number, parse: (text: string) => T) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#parse = parse;
  }

  /**
   * Reads the file if it has changed. Never throws.
   * @returns undefined if it is unchanged, so an invalid file is reported once per change. A file that cannot be read
   *   is tried again at each poll, and reported once per reason.
   */
  poll(): Reading<T> | undefined {
    const { identity, problem } = this.#state();
    if (identity === this.#seen) return undefined;
    try {
      const reading = problem ? { error: problem } : { document: this.#parse(readFileSync(this.#path, 'utf8')) };
      this.#seen = identity;
      return reading;
    } catch (error) {
      const { message } = error as Error;
      // A read error can go away without a change of the file, for example if no file descriptor was free.
      const found = error instanceof ProtocolError ? identity : `${identity}: ${message}`;
      if (found === this.#seen) return undefined;
      this.#seen = found;
      return { error: error instanceof ProtocolError ? error : this.#error(message) };
    }
  }

  /** Identifies the state of the file, and the problem that prevents reading it. */
  #state(): { identity: string; problem?: MountedFileError } {
    try {
      const stat = statSync(this.#path, { bigint: true });
      const identity = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
      if (!stat.isFile()) return { identity, problem: this.#error('not a regular file') };
      if (stat.size > this.#maxBytes) return { identity, problem: this.#error(`larger than ${this.#maxBytes} bytes`) };
      return { identity };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      const problem =
        code === 'ENOENT'
          ? this.#error('no such file; check the ConfigMap that is mounted there', 'FileMissing')
          : this.#error((error as Error).message);
      return { identity: code, problem };
    }
  }

  #error(problem: string, code: MountedFileError['code'] = 'FileUnreadable'): MountedFileError {
    return new MountedFileError(code, `cannot read ${this.#path}: ${problem}`);
  }
}
