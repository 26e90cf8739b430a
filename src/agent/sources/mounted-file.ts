import { readFileSync, statSync } from 'node:fs';
import { ProtocolError } from '../../protocol/document.ts';

/** A document that could not be read from its file; `message` says why. */
export class MountedFileError extends Error {
  override readonly name = 'MountedFileError';
  readonly code: 'FileMissing' | 'FileUnreadable';

  constructor(code: MountedFileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** What a look at the file brought: its document, or why there is none. */
export type Reading<T> = { document: T } | { error: MountedFileError | ProtocolError };

/**
 * A document that is mounted into the pod. It is looked at again and again rather than watched: the kubelet swaps a link in the path
 * (`..data`), which file notifications report differently from one file system to the next.
 * All of it is synchronous: a `stat` of a local file costs microseconds, while Node's asynchronous files start a pool of threads with their memory.
 */
export class MountedFile<T> {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #parse: (text: string) => T;
  /** What the last look found. */
  #seen: string | undefined;

  /**
   * @param maxBytes a larger file is not read
   * @param parse throws a ProtocolError for a text that is no such document
   */
  constructor(path: string, maxBytes: number, parse: (text: string) => T) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#parse = parse;
  }

  /**
   * Looks at the file.
   * @returns undefined when it is what it was the last time, so that a broken file is reported once for each of its changes; one that cannot be
   *   read is tried again at each look, and reported once while the reason is the same; never throws
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
      // Trouble with reading may pass without a change of the file, as where no descriptor was free.
      const found = error instanceof ProtocolError ? identity : `${identity}: ${message}`;
      if (found === this.#seen) return undefined;
      this.#seen = found;
      return { error: error instanceof ProtocolError ? error : this.#error(message) };
    }
  }

  /** What tells one state of the file from another, and what keeps it from being read. */
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
