/** Undoes what a run made, the newest first. Each step runs whatever happened to the others. */
export class Cleanups {
  readonly #steps: { what: string; step: () => Promise<unknown> | unknown }[] = [];

  /** @param what names what the step removes, in the message about its failure */
  add(what: string, step: () => Promise<unknown> | unknown): void {
    this.#steps.push({ what, step });
  }

  /**
   * Runs every step once; a second call runs only what was added since.
   * @throws {CleanupError} after the last step, when at least one failed
   */
  async run(): Promise<void> {
    const failures: { what: string; reason: unknown }[] = [];
    for (let next = this.#steps.pop(); next !== undefined; next = this.#steps.pop()) {
      try {
        await next.step();
      } catch (reason) {
        failures.push({ what: next.what, reason });
      }
    }
    if (failures.length > 0) throw new CleanupError(failures);
  }

  /**
   * Runs `work`, then every step. An error of `work` is the one that the caller gets; those of the clean-up are logged
   * then.
   * @throws what `work` threw, or else {@link CleanupError}
   */
  async after<T>(work: () => Promise<T>, log: (line: string) => void): Promise<T> {
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.run().catch((cleanup: Error) => log(cleanup.message));
      throw error;
    }
    await this.run();
    return result;
  }
}

/** Steps of a clean-up that failed: what they should have removed is still there. */
export class CleanupError extends Error {
  readonly code = 'CLEANUP_FAILED';

  constructor(failures: readonly { what: string; reason: unknown }[]) {
    const lines = failures.map(({ what, reason }) => `${what}: ${reason instanceof Error ? reason.message : reason}`);
    super(`could not remove ${lines.join('; could not remove ')}`, { cause: failures[0]?.reason });
    this.name = 'CleanupError';
  }
}
