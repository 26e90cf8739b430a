import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  counted,
  isHelp,
  oneOf,
  parseCommandLine,
  runScript,
  UsageError,
  wholeNumber,
} from '../../src/base/command-line.ts';
import { addressesOf, type IpFamily, ipFamilies, maximumNodes } from './addresses.ts';
import { isAbandoned, removeClusterNamed } from './cleanup.ts';
import { Cluster, ClusterError, type ClusterOptions, startCluster } from './cluster.ts';
import { apiServerUrl } from './control-plane.ts';
import { olderKubernetes } from './older-kubernetes.ts';
import { isRunning } from './processes.ts';
import { allStates, clusterDirectory, clusterNameRule, isClusterName, readState } from './state.ts';

const usage = `A real Kubernetes on this machine, for development and tests (Linux, root).

  npm run cluster -- up [--nodes N] [--ip-family FAMILY] [--kubernetes VERSION] [--name NAME]
                                                        start one and leave it running
  npm run cluster -- down [--name NAME]                 end it and remove all that it made, also after a crash
  npm run cluster -- status                             the clusters of this machine
  npm run cluster -- kubectl [--name NAME] ARGUMENT…    run kubectl on it
  npm run cluster -- load-image [--name NAME] FILE…     load OCI archives into every node

NAME is "local" by default, N is 3 (1 to ${maximumNodes}). FAMILY is ipv4 (the default), ipv6 or
dual, in which everything has an address of each and IPv4 comes first; --dual-stack is short for --ip-family dual.
VERSION is an older Kubernetes, which is built first: ${olderKubernetes.join(', ')}.`;

const commands = ['up', 'down', 'status', 'kubectl', 'load-image'] as const;

const log = (line: string) => console.log(line);

async function up(
  options: Pick<ClusterOptions, 'nodes' | 'ipFamily' | 'kubernetes'> & { name: string },
): Promise<number> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!abort.signal.aborted) log('ending; what was started is being removed');
      abort.abort();
    });
  }
  let cluster: Cluster;
  try {
    cluster = await startCluster({ ...options, log, signal: abort.signal, keep: true });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    return 130;
  }
  const { name } = options;
  const suffix = name === 'local' ? '' : ` --name ${name}`;
  log(`cluster "${name}" is ready: npm run cluster -- kubectl${suffix} get nodes`);
  log(`kubeconfig: ${cluster.kubeconfig}`);
  return 0;
}

/** What is said of a cluster beyond the usual. */
const kinds: Partial<Record<IpFamily, string>> = { ipv6: 'IPv6 only', dual: 'dual stack' };

function status(): void {
  const states = allStates();
  if (states.length === 0) log('no cluster');
  for (const state of states) {
    const running = Object.entries(state.processes).filter(([, process]) => isRunning(process));
    const stopped = Object.keys(state.processes).filter((name) => !running.some(([other]) => other === name));
    const condition = isAbandoned(state)
      ? `left over from a crash, remove it: npm run cluster -- down --name ${state.name}`
      : state.phase;
    const server = apiServerUrl(addressesOf(state.slot, state.ipFamily));
    const what = [condition, counted(state.nodes.length, 'node'), kinds[state.ipFamily], server];
    log(`${state.name}: ${what.filter((text) => text !== undefined).join(', ')}`);
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

async function down(name: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new ClusterError('NOT_ROOT', 'Taking a cluster down needs root.');
  if (!existsSync(clusterDirectory(name))) {
    const others = allStates().map((state) => state.name);
    const which = others.length === 0 ? 'No cluster exists on this machine.' : `These exist: ${others.join(', ')}.`;
    throw new Error(`There is no cluster "${name}". ${which}`);
  }
  await removeClusterNamed(name, log);
  log(`cluster "${name}" is gone`);
}

/** @throws UsageError where no cluster can have that name */
function nameOf(name = 'local'): string {
  if (isClusterName(name)) return name;
  throw new UsageError(`--name takes ${clusterNameRule}, not "${name}"`);
}

/** @throws UsageError for a family that there is not, or two answers */
function familyOf(family: string | undefined, dualStack: boolean): IpFamily {
  if (family === undefined) return dualStack ? 'dual' : 'ipv4';
  if (dualStack) throw new UsageError('--dual-stack takes the place of --ip-family');
  return oneOf('IP family', ipFamilies, family);
}

/** Takes `--name NAME` off the front; what follows is not ours to read. */
function leadingName(args: string[]): { name: string; rest: string[] } {
  const own = args[0] === '--name' ? 2 : isHelp(args[0]) || args[0]?.startsWith('--name=') ? 1 : 0;
  const { values } = parseCommandLine(args.slice(0, own), ['name']);
  return { name: nameOf(values.name), rest: args.slice(own) };
}

async function run([first, ...args]: string[]): Promise<number> {
  switch (oneOf('command', commands, first)) {
    case 'up': {
      const { values } = parseCommandLine(args, ['name', 'nodes', 'ip-family', 'dual-stack', 'kubernetes']);
      const nodes = wholeNumber('nodes', values.nodes ?? '3', 1, maximumNodes);
      const ipFamily = familyOf(values['ip-family'], values['dual-stack']);
      const kubernetes =
        values.kubernetes === undefined
          ? undefined
          : oneOf('version of Kubernetes', olderKubernetes, values.kubernetes);
      return await up({ name: nameOf(values.name), nodes, ipFamily, kubernetes });
    }
    case 'down':
      await down(nameOf(parseCommandLine(args, ['name']).values.name));
      return 0;
    case 'status':
      parseCommandLine(args, []);
      status();
      return 0;
    case 'kubectl': {
      const { name, rest } = leadingName(args);
      return await kubectl(name, rest);
    }
    case 'load-image': {
      const { values, positionals } = parseCommandLine(args, ['name'], Number.POSITIVE_INFINITY);
      if (positionals.length === 0) throw new UsageError('load-image takes at least one FILE');
      const cluster = await attached(nameOf(values.name));
      for (const file of positionals) await cluster.loadImage(file);
      log(`loaded into ${counted(cluster.nodes.length, 'node')}`);
      return 0;
    }
  }
}

await runScript({ command: 'npm run cluster', usage, subjects: commands, run });
