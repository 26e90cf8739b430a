import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { addressesOf } from './addresses.ts';
import { isAbandoned, removeClusterNamed } from './cleanup.ts';
import { Cluster, ClusterError, startCluster } from './cluster.ts';
import { apiServerUrl } from './control-plane.ts';
import { isRunning } from './processes.ts';
import { allStates, readState } from './state.ts';

const usage = `A real Kubernetes on this machine, for development and tests (Linux, root).

  npm run cluster -- up [--nodes N] [--dual-stack] [--name NAME]
                                                        start one and leave it running
  npm run cluster -- down [--name NAME]                 end it and remove all that it made, also after a crash
  npm run cluster -- status                             the clusters of this machine
  npm run cluster -- kubectl [--name NAME] ARGUMENT…    run kubectl on it
  npm run cluster -- load-image [--name NAME] FILE…     load OCI archives into every node

NAME is "local" unless told, N is 3. With --dual-stack everything has an IPv6 address beside its IPv4 one.`;

const log = (line: string) => console.log(line);

async function up(name: string, nodes: number, dualStack: boolean): Promise<void> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!abort.signal.aborted) log('ending; what was started is being removed');
      abort.abort();
    });
  }
  const cluster = await startCluster({ name, nodes, dualStack, log, signal: abort.signal, keep: true });
  const suffix = name === 'local' ? '' : ` --name ${name}`;
  log(`cluster "${name}" is ready: npm run cluster -- kubectl${suffix} get nodes`);
  log(`kubeconfig: ${cluster.kubeconfig}`);
}

function status(): void {
  const states = allStates();
  if (states.length === 0) log('no cluster');
  for (const state of states) {
    const running = Object.entries(state.processes).filter(([, process]) => isRunning(process));
    const stopped = Object.keys(state.processes).filter((name) => !running.some(([other]) => other === name));
    const condition = isAbandoned(state) ? 'left over from a crash: end it with "down"' : state.phase;
    const kind = state.dualStack ? ', dual stack' : '';
    log(`${state.name}: ${condition}, ${state.nodes.length} nodes${kind}, ${apiServerUrl(addressesOf(state.slot))}`);
    if (stopped.length > 0) log(`  not running: ${stopped.join(', ')}`);
  }
}

async function attached(name: string): Promise<Cluster> {
  const cluster = await Cluster.attach(name);
  if (cluster !== undefined) return cluster;
  const known = readState(name) === undefined ? 'There is no cluster' : 'There is no whole cluster';
  throw new Error(`${known} "${name}"; start it with: npm run cluster -- up --name ${name}`);
}

/** kubectl with this terminal, so that `edit`, `exec -it` and `logs -f` work. */
async function kubectl(name: string, args: string[]): Promise<number> {
  const [command = '', ...rest] = (await attached(name)).kubectlCommand();
  const { KUBECONFIG: _, ...env } = process.env;
  const child = spawn(command, [...rest, ...args], { stdio: 'inherit', env });
  // A Ctrl-C reaches kubectl by itself; the others are handed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Takes `--name NAME` off the front; what follows is not ours to read. */
function leadingName(args: string[]): { name: string; rest: string[] } {
  const [first = '', second, ...others] = args;
  if (first === '--name' && second !== undefined) return { name: second, rest: others };
  if (first.startsWith('--name=')) return { name: first.slice('--name='.length), rest: args.slice(1) };
  return { name: 'local', rest: args };
}

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'up': {
      const options = {
        name: { type: 'string', default: 'local' },
        nodes: { type: 'string', default: '3' },
        'dual-stack': { type: 'boolean', default: false },
      } as const;
      const { values } = parseArgs({ args, options });
      await up(values.name, Number(values.nodes), values['dual-stack']);
      return 0;
    }
    case 'down': {
      const { values } = parseArgs({ args, options: { name: { type: 'string', default: 'local' } } });
      if (process.getuid?.() !== 0) throw new ClusterError('NOT_ROOT', 'Taking a cluster down needs root.');
      await removeClusterNamed(values.name, log);
      log(`cluster "${values.name}" is gone`);
      return 0;
    }
    case 'status':
      status();
      return 0;
    case 'kubectl': {
      const { name, rest } = leadingName(args);
      return await kubectl(name, rest);
    }
    case 'load-image': {
      const { name, rest } = leadingName(args);
      if (rest.length === 0) break;
      const cluster = await attached(name);
      for (const file of rest) await cluster.loadImage(file);
      log(`loaded into ${cluster.nodes.length} nodes`);
      return 0;
    }
  }
  console.error(usage);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
