const endToEnd = 'test/e2e/';

/** Of the end-to-end tests the one that asks least of the machine: for a minute it waits that nothing happens. */
const first = `${endToEnd}at-rest.test.ts`;

/** The one that reads the audit logs of all the others. */
const last = `${endToEnd}requests.test.ts`;

/** Whether this file, named from the root, is one of the end-to-end tests, which need a cluster. */
export function isEndToEnd(file: string): boolean {
  return file.startsWith(endToEnd);
}

/**
 * The test files in the order in which they are to begin: the end-to-end test beside which unit tests can run, the unit
 * tests, and then, with the machine to themselves, the other end-to-end tests by name but for the last one.
 */
export function inRunningOrder(files: readonly string[]): string[] {
  const rank = (file: string) => {
    if (file === first) return 0;
    if (!isEndToEnd(file)) return 1;
    return file === last ? 3 : 2;
  };
  return files.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
