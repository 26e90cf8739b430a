import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock } from '../cluster/lock.ts';
import { waitFor } from '../cluster/wait.ts';

/** What setup.ts has started for end-to-end tests to work on. */
export interface SharedSetup {
  /** The cluster's name. */
  cluster: string;
  /** The Prometheus' address. */
  prometheus: string;
}

type Outcome = { setup: SharedSetup } | { error: string };

/** The first run on a machine builds Kubernetes, on a slow one for long. Milliseconds. */
const setupDeadline = 3_600_000;

/**
 * A folder by which the end-to-end tests, each file a process of its own, learn of one cluster that setup.ts starts
 * meanwhile, and by which they take turns on it: most of them take parts of the cluster away from each other.
 */
export class SetupRecord {
  readonly #outcome: string;
  readonly #turn: string;

  private constructor(directory: string) {
    this.#outcome = join(directory, 'outcome.json');
    this.#turn = join(directory, 'turn.lock');
  }

  /** Makes so many records in a folder, one for each cluster. */
  static async create(directory: string, count: number): Promise<SetupRecord[]> {
    const folders = Array.from({ length: count }, (_, index) => join(directory, String(index)));
    for (const folder of folders) await mkdir(folder, { recursive: true });
    return folders.map((folder) => new SetupRecord(folder));
  }

  /** The records of a folder. */
  static in(directory: string): SetupRecord[] {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name))
      .map(({ name }) => new SetupRecord(join(directory, name)));
  }

  /**
   * Waits until one of these clusters is free and for its setup. This process has it to itself until it ends.
   * @throws Error when the setup failed, or its process has ended
   */
  static async takeFirst(records: readonly SetupRecord[]): Promise<SharedSetup> {
    const won = new AbortController();
    const turns = records.map(async (record) => {
      const lock = await FileLock.acquire(record.#turn, { signal: won.signal });
      // Two may come free at the same moment.
      if (won.signal.aborted) await lock.release();
      won.signal.throwIfAborted();
      won.abort();
      lock.unref();
      return record;
    });
    const first = await Promise.any(turns).catch(({ errors }: AggregateError) => Promise.reject(errors[0]));
    return first.#setup();
  }

  /** Waits until nobody else uses this cluster, and for its setup. As {@link takeFirst}. */
  async take(): Promise<SharedSetup> {
    return SetupRecord.takeFirst([this]);
  }

  async write(outcome: Outcome): Promise<void> {
    // Whoever finds the file finds all of it.
    await writeFile(`${this.#outcome}.partial`, JSON.stringify(outcome));
    await rename(`${this.#outcome}.partial`, this.#outcome);
  }

  async #setup(): Promise<SharedSetup> {
    const runner = process.ppid;
    const outcome = await waitFor(
      'the setup of the end-to-end tests',
      (): Outcome | undefined => {
        if (existsSync(this.#outcome)) return JSON.parse(readFileSync(this.#outcome, 'utf8')) as Outcome;
        return process.ppid === runner ? undefined : { error: 'the process that ran the tests has ended' };
      },
      { timeout: setupDeadline, interval: 200 },
    );
    if ('error' in outcome) throw new Error(`the setup of the end-to-end tests failed: ${outcome.error}`);
    return outcome.setup;
  }
}
