import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseCommandLine, runScript, UsageError, wholeNumber } from '../../src/base/command-line.ts';
import { maximumNodes } from '../cluster/addresses.ts';
import { imagesDirectory } from '../cluster/cache-directories.ts';
import { requireCacheFolder } from '../cluster/cache-folder.ts';
import { runDemo } from './demo.ts';

const usage = `npm start [-- OPTIONS]
  --once             end after the table; exit code 0 only if everything was there
  --nodes N          nodes of the local cluster (default 3, 1 to ${maximumNodes})
  --kubeconfig FILE  show it on this cluster instead of a local one; its nodes must be able to pull the images
  --yes              with --kubeconfig: go on without asking; otherwise the demo lists what it would add and ends with 2
  --help`;

async function run(args: string[]): Promise<number> {
  const { values } = parseCommandLine(args, ['once', 'nodes', 'kubeconfig', 'yes']);
  const { kubeconfig } = values;
  const nodes = wholeNumber('nodes', values.nodes ?? '3', 1, maximumNodes);
  if (kubeconfig !== undefined && values.nodes !== undefined)
    throw new UsageError('--nodes is for the local cluster: it cannot be used with --kubeconfig');
  if (kubeconfig === undefined) requireCacheFolder(imagesDirectory());
  const stop = new AbortController();
  // A terminal's Ctrl-C arrives twice, once from the terminal and once from npm: a second one is heard after a second.
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (first === 0) first = performance.now();
      else if (performance.now() - first > 1000) console.error('still cleaning up …');
      stop.abort(new Error(`stopped by ${signal}`));
    });
  process.stdout.on('error', () => stop.abort(new Error('stopped, because its output was closed')));
  return await runDemo({
    nodes,
    ...(kubeconfig !== undefined && { kubeconfig: resolve(kubeconfig) }),
    yes: values.yes ?? false,
    signal: stop.signal,
    log: (line) => console.log(line),
    untilStopped: async () => {
      if (values.once || stop.signal.aborted) return;
      console.log('Ctrl-C ends it and cleans up.');
      // Neither a signal nor its handler keeps a process alive.
      const alive = setInterval(() => {}, 60_000);
      await once(stop.signal, 'abort');
      clearInterval(alive);
    },
  });
}

await runScript({ command: 'npm start', usage, run });
