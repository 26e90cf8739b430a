import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseCommandLine, runScript } from '../src/base/command-line.ts';
import { type Architecture, architectures, build } from './build.ts';

const usage = `npm run build

Writes the bundles that go into the images to dist/, for each architecture.`;

const root = join(import.meta.dirname, '..');

async function run(args: string[]): Promise<number> {
  parseCommandLine(args, []);
  const started = performance.now();
  const files = await build({
    root,
    out: join(root, 'dist'),
    architectures: Object.keys(architectures) as Architecture[],
  });
  for (const file of files)
    console.log(`${relative(root, file).padEnd(40)} ${(statSync(file).size / 1e6).toFixed(2).padStart(6)} MB`);
  console.log(`built in ${Math.round(performance.now() - started)} ms`);
  return 0;
}

await runScript({ command: 'npm run build', usage, run, isFault: () => true });
