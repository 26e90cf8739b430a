import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedDirectory, generatedFiles } from './generated-files.ts';
import { outdatedFiles, writeFiles } from './written-files.ts';

// node charts/main.ts [--check]: writes what is generated, or names what differs and ends with 1.
const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const files = generatedFiles(version);

if (process.argv.includes('--check')) {
  const outdated = outdatedFiles(root, generatedDirectory, files);
  for (const path of outdated) console.error(`${path} is not what charts/ says: run \`npm run synth\``);
  process.exitCode = outdated.length === 0 ? 0 : 1;
} else {
  for (const path of writeFiles(root, generatedDirectory, files)) console.log(path);
}
