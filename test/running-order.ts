import { basename } from 'node:path';

const endToEnd = 'test/e2e/';

/** Of the end-to-end tests the one that asks least of the machine: for a minute it waits that nothing happens. */
const first = `${endToEnd}at-rest.test.ts`;

/** The one that reads the audit log of all the others. */
const last = `${endToEnd}requests.test.ts`;

/**
 * Those that work in a namespace of their own alone, take nothing of the cluster away, measure nothing, and need
 * nothing of what another of them changes. They run two at a time: most of their time is waiting.
 */
const undisturbing = new Set(
  ['bad-input', 'contested-objects', 'live-edit', 'main-job', 'pod-security'].map((name) => `${name}.test.ts`),
);

/** Whether this file of end-to-end tests may run beside another one of which the same is true. */
export function disturbsNobody(file: string): boolean {
  return undisturbing.has(basename(file));
}

/**
 * The test files in the order in which they are to begin: the end-to-end test beside which unit tests can run, the unit
 * tests, the end-to-end tests that disturb nobody, and then, with the machine to themselves, the others by name but for
 * the last one.
 */
export function inRunningOrder(files: readonly string[]): string[] {
  const rank = (file: string) => {
    if (file === first) return 0;
    if (!file.startsWith(endToEnd)) return 1;
    if (file === last) return 4;
    return disturbsNobody(file) ? 2 : 3;
  };
  return files.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
