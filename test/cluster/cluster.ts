import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IpFamily, maximumNodes } from './addresses.ts';
import { type Binaries, ensureBinaries } from './binaries.ts';
import { isAbandoned, removeCluster } from './cleanup.ts';
import { ClusterError } from './cluster-error.ts';
import { ensureInotifyInstances } from './inotify-limit.ts';
import { removeLeftovers } from './leftovers.ts';
import { withLock } from './lock.ts';
import { networksInUse, requireIpv6 } from './network.ts';
import { type OlderKubernetes, withKubernetes } from './older-kubernetes.ts';
import { ensureSystemCommands, systemCommands } from './packages.ts';
import { identify, isRunning } from './processes.ts';
import { Cluster } from './running-cluster.ts';
import { chooseSlot } from './slots.ts';
import {
  allStates,
  type ClusterState,
  clusterDirectory,
  lockFile,
  readState,
  slotLockFile,
  updateState,
  writeState,
} from './state.ts';

export { ClusterError } from './cluster-error.ts';
export type { ClusterNode } from './node-pool.ts';
export { Cluster } from './running-cluster.ts';

export interface ClusterOptions {
  /** `local` unless told. Each name is a cluster of its own. */
  name?: string;
  /** 3 unless told. */
  nodes?: number;
  /** Of nodes, Pods, Services and DNS; `ipv4` unless told. */
  ipFamily?: IpFamily;
  /** An older Kubernetes, all of it: control plane, nodes and kubectl. */
  kubernetes?: OlderKubernetes | undefined;
  log?: (line: string) => void;
  /** Aborting ends the start and removes what was made so far. */
  signal?: AbortSignal;
  /** The cluster outlives this process; otherwise it is considered a leftover once this process has ended. */
  keep?: boolean;
}

/**
 * Starts a cluster and resolves when all its nodes are Ready and CoreDNS is available. Leftovers of an earlier one of
 * that name whose starter died are removed first. When the start fails, nothing is left.
 * @throws {ClusterError} without root's rights, or when one of that name is running.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { name = 'local', nodes = 3, ipFamily = 'ipv4', kubernetes, log = () => {}, signal, keep = false } = options;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > maximumNodes)
    throw new RangeError(`nodes: 1 to ${maximumNodes}`);
  clusterDirectory(name); // refuses a bad name before anything is done
  if (process.getuid?.() !== 0) {
    const why = 'A cluster needs root: it makes network namespaces, mounts and cgroups.';
    throw new ClusterError('NOT_ROOT', `${why} Run it as root, for example by sudo.`);
  }
  if (ipFamily !== 'ipv4') requireIpv6();
  await removeLeftovers(log, signal);
  signal?.throwIfAborted();
  await ensureSystemCommands(systemCommands, log);
  const current = await ensureBinaries(log, signal);
  const binaries = kubernetes === undefined ? current : await withKubernetes(kubernetes, current, log, signal);
  const onWait = () => log(`waiting: another process is starting or ending cluster "${name}"`);
  return await withLock(
    lockFile(name),
    async () => {
      const found = readState(name);
      if (found !== undefined && !isAbandoned(found)) throw new ClusterError('ALREADY_RUNNING', runningMessage(found));
      if (found !== undefined) log(`removing what is left of an earlier cluster "${name}"`);
      await removeCluster(name);
      const state = await reserveSlot(name, nodes, ipFamily, binaries, log);
      try {
        const cluster = new Cluster(state);
        await cluster.start(nodes, log, signal);
        updateState(name, (state) => {
          state.phase = 'ready';
          if (keep) delete state.owner;
        });
        return cluster;
      } catch (error) {
        const reason = signal?.aborted ? 'its start was ended' : describeFailure(name, error);
        await removeCluster(name).catch((left: Error) => log(left.message));
        throw new ClusterError('START_FAILED', `cluster "${name}" did not start: ${reason}`, { cause: error });
      }
    },
    onWait,
    signal,
  );
}

async function reserveSlot(
  name: string,
  nodes: number,
  ipFamily: IpFamily,
  binaries: Binaries,
  log: (line: string) => void,
): Promise<ClusterState> {
  return await withLock(slotLockFile, async () => {
    const taken = allStates().map((state) => state.slot);
    const slot = chooseSlot({ ipFamily, taken, ...(await networksInUse()) });
    const owner = identify(process.pid)!;
    const starting = allStates().filter(({ phase }) => phase === 'starting');
    ensureInotifyInstances(
      starting.reduce((sum, { wanted = 0 }) => sum + wanted, nodes),
      log,
    );
    const state: ClusterState = {
      name,
      slot,
      ipFamily,
      phase: 'starting',
      owner,
      binaries,
      wanted: nodes,
      nodes: [],
      processes: {},
    };
    writeState(state);
    return state;
  });
}

function runningMessage({ name, owner }: ClusterState): string {
  const whose = owner === undefined ? '' : `, started by process ${owner.pid}`;
  return `cluster "${name}" is running${whose}; use another name, or end it: npm run cluster -- down --name ${name}`;
}

/** What went wrong, with the last lines of those components that ended: their logs are about to be removed. */
function describeFailure(name: string, error: unknown): string {
  const lines = [error instanceof Error ? error.message : String(error)];
  for (const [component, id] of Object.entries(readState(name)?.processes ?? {})) {
    if (isRunning(id)) continue;
    const log = join(clusterDirectory(name), 'logs', `${component.replace('/', '-')}.log`);
    if (!existsSync(log)) continue;
    const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-8);
    lines.push(`${component} ended; the last lines of its log:`, ...tail.map((line) => `  ${line}`));
  }
  return lines.join('\n');
}
