import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { runDemo } from './demo.ts';

const usage = `npm start [-- OPTIONS]
  --once             end after the table; exit code 0 only if everything was there
  --nodes N          nodes of the local cluster (default 3)
  --kubeconfig FILE  show it on this cluster instead of a local one; its nodes must be able to pull the images
  --yes              with --kubeconfig: go on without asking; otherwise the demo lists what it would add and ends with 2
  --help`;

const oldest = 26;

/** Node 26 comes with npm ci as a devDependency; an install without scripts leaves only the machine's own. */
function checkNode(): void {
  if (Number(process.versions.node.split('.')[0]) >= oldest) return;
  console.error(`This runs on Node ${oldest}, found ${process.version}. Run npm ci, without --ignore-scripts.`);
  process.exit(1);
}

checkNode();
try {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      nodes: { type: 'string', default: '3' },
      kubeconfig: { type: 'string' },
      yes: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(usage);
  else {
    const stop = new AbortController();
    // A terminal's Ctrl-C arrives twice, once from the terminal and once from npm: a second one is heard after a second.
    let first = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (first === 0) first = performance.now();
        else if (performance.now() - first > 1000) console.error('still cleaning up …');
        stop.abort(new Error(`stopped by ${signal}`));
      });
    process.exitCode = await runDemo({
      nodes: Number(values.nodes),
      ...(values.kubeconfig !== undefined && { kubeconfig: values.kubeconfig }),
      yes: values.yes,
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
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
