import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licences of packages as one text: most of them ask that their notice goes with every copy, and a minified bundle
 * holds none.
 * @param directories the packages' directories
 */
export function licenseText(directories: readonly string[]): string {
  return directories.map((directory) => `${section(directory)}\n`).join('\n');
}

function section(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const notices = readdirSync(directory)
    .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return [`==== ${name} ${version} (${license ?? 'see below'})`, ...notices].join('\n\n');
}
