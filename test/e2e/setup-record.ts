import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock } from '../cluster/lock.ts';
import { waitFor } from '../cluster/wait.ts';

/** What setup.ts has started for all end-to-end tests. */
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
 * A folder by which the end-to-end tests, each file a process of its own, learn of what setup.ts makes meanwhile, and
 * by which they take turns: they use one cluster, and most of them take parts of it away from each other.
 */
export class SetupRecord {
  readonly #outcome: string;
  readonly #turn: string;

  constructor(directory: string) {
    this.#outcome = join(directory, 'outcome.json');
    this.#turn = join(directory, 'turn.lock');
  }

  async write(outcome: Outcome): Promise<void> {
    // Whoever finds the file finds all of it.
    await writeFile(`${this.#outcome}.partial`, JSON.stringify(outcome));
    await rename(`${this.#outcome}.partial`, this.#outcome);
  }

  /**
   * Waits for this process's turn, which lasts until it ends, and for the setup.
   * @param shared whether others who say the same may have theirs at the same time
   * @throws Error when the setup failed, or its process has ended
   */
  async takeTurn({ shared = false } = {}): Promise<SharedSetup> {
    const runner = process.ppid;
    const lock = await FileLock.acquire(this.#turn, { shared });
    lock.unref();
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
