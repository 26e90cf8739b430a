import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counted, parseCommandLine, runScript } from '../src/base/command-line.ts';
import { dashboardFiles } from './dashboards/dashboard-files.ts';
import { generatedDirectory, generatedFiles } from './generated-files.ts';
import { outdatedFiles, writeFiles } from './written-files.ts';

const usage = `npm run synth [-- --check]

Writes manifests/, docs/reference.md, docs/metrics.md and docs/openapi.json, which are generated from charts/, src/crd
and src/contract.
  --check  writes nothing; names the files that differ, with exit code 1`;

const root = join(import.meta.dirname, '..');

async function run(args: string[]): Promise<number> {
  const { values } = parseCommandLine(args, ['check']);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const files = generatedFiles(version, dashboardFiles());
  const all = counted(files.size, 'generated file');
  if (values.check) {
    const outdated = outdatedFiles(root, generatedDirectory, files);
    for (const path of outdated) console.error(`${path} is outdated; run \`npm run synth\``);
    if (outdated.length === 0) console.log(`manifests: ${all} up to date`);
    return outdated.length === 0 ? 0 : 1;
  }
  const changed = writeFiles(root, generatedDirectory, files);
  for (const path of changed) console.log(path);
  console.log(changed.length === 0 ? `manifests: ${all} up to date` : `manifests: ${changed.length} of ${all} changed`);
  return 0;
}

await runScript({ command: 'npm run synth', usage, run, isFault: () => true });
