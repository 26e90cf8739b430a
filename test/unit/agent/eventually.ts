import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a condition holds, looking again every few milliseconds.
 * @param describe what to say when it never does
 */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  describe: () => string,
  deadlineMs = 60_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${describe()}`);
    await delay(20);
  }
}
