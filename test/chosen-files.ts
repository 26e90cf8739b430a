import { basename } from 'node:path';
import { oneOf, parseCommandLine, runScript } from '../src/base/command-line.ts';

const usage = `npm test                       all tests
npm run test:e2e [-- NAME…]    the end-to-end tests, or those of test/e2e/NAME.test.ts

They run on a local Kubernetes of their own, or on the local cluster that NET_EXPORTER_E2E_CLUSTER names. requests passes only after
all the others.`;

const ending = '.test.ts';

/**
 * The files of tests that the arguments of test/main.ts choose: all, or after `e2e` end-to-end tests by name. Ends the
 * process where they ask for the usage or choose nothing that exists.
 */
export async function chosenFiles(files: readonly string[], [first, ...names]: readonly string[]): Promise<string[]> {
  const endToEnd = first === 'e2e';
  const args = endToEnd ? names : [first ?? [], names].flat();
  let chosen: string[] | undefined;
  const run = async () => {
    const { positionals } = parseCommandLine(args, [], endToEnd ? Number.POSITIVE_INFINITY : 0);
    chosen = endToEnd ? endToEndTests(files, positionals) : [...files];
    return 0;
  };
  await runScript({ command: endToEnd ? 'npm run test:e2e' : 'npm test', usage, run }, args);
  return chosen ?? process.exit();
}

/**
 * The files of end-to-end tests with these names, `live-edit` for test/e2e/live-edit.test.ts; all of them where there
 * is no name.
 * @throws UsageError for a name that none has
 */
export function endToEndTests(files: readonly string[], names: readonly string[]): string[] {
  const byName = new Map(
    files.filter((file) => file.startsWith('test/e2e/')).map((file) => [basename(file, ending), file] as const),
  );
  const known = [...byName.keys()].sort();
  for (const name of names) oneOf('end-to-end test', known, name);
  return (names.length === 0 ? known : known.filter((name) => names.includes(name))).map((name) => byName.get(name)!);
}
