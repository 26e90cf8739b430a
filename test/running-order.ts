const endToEnd = 'test/e2e/';

/** Of the end-to-end tests the one that asks least of the machine: for a minute it waits that nothing happens. */
const first = `${endToEnd}at-rest.test.ts`;

/**
 * The test files in the order in which they are to begin: the end-to-end test beside which unit tests can run, the unit tests, and then,
 * with the machine to themselves, the other end-to-end tests by name.
 */
export function inRunningOrder(files: readonly string[]): string[] {
  const rank = (file: string) => (file === first ? 0 : file.startsWith(endToEnd) ? 2 : 1);
  return files.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
