import { mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IpFamily } from './addresses.ts';
import type { Binaries } from './binaries.ts';
import { namesIn } from './names-in.ts';
import type { ProcessId } from './processes.ts';

/** What of a cluster is remembered on disk, for other processes and for after a crash. */
export interface ClusterState {
  name: string;
  slot: number;
  ipFamily: IpFamily;
  phase: 'starting' | 'ready';
  /** The process that must take it down; absent where it is to stay after its starter ended. */
  owner?: ProcessId;
  /** The programs it was started with: this checkout's may be others by now. */
  binaries: Binaries;
  /** Number of nodes that it starts with. */
  wanted: number;
  /** Numbers of the nodes. */
  nodes: number[];
  /** Long-lived processes by their name, such as `apiserver` and `node-1/kubelet`. */
  processes: Record<string, ProcessId>;
}

const overlayMagic = 0x794c7630;

/**
 * The folder of all clusters. containerd stacks overlays in it, which works on no overlay (as in a container's own file
 * system); /run is there for such machines.
 */
export function clustersDirectory(): string {
  const parent = ['/var/lib', '/run'].find((directory) => statfsSync(directory).type !== overlayMagic) ?? '/var/lib';
  return join(parent, 'net-exporter-cluster');
}

/** What a cluster's name consists of. */
export const clusterNameRule = '1 to 20 of a-z, 0-9 and inner dashes';

export function isClusterName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name);
}

/** Names become parts of paths. */
function requireClusterName(name: string): void {
  if (!isClusterName(name)) throw new RangeError(`a cluster's name has ${clusterNameRule}, unlike "${name}"`);
}

/** The work folder of a cluster: everything of it on disk, except the cached binaries, is in there. */
export function clusterDirectory(name: string): string {
  requireClusterName(name);
  return join(clustersDirectory(), name);
}

/** The state of the cluster with that name; undefined where there is none, or none that can be read. */
export function readState(name: string): ClusterState | undefined {
  try {
    return JSON.parse(readFileSync(join(clusterDirectory(name), 'state.json'), 'utf8')) as ClusterState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function writeState(state: ClusterState): void {
  const directory = clusterDirectory(state.name);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const file = join(directory, 'state.json');
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2));
  renameSync(`${file}.new`, file);
}

/** Changes the state on disk in one step: other processes may have changed it since we read it last. */
export function updateState(name: string, change: (state: ClusterState) => void): ClusterState {
  const state = readState(name);
  if (state === undefined) throw new Error(`there is no cluster "${name}" any more`);
  change(state);
  writeState(state);
  return state;
}

/** The names of all clusters on this machine, also of those whose state is not written yet. */
export function clusterNames(): string[] {
  return namesIn(clustersDirectory()).filter(isClusterName);
}

/** The states of all clusters on this machine. */
export function allStates(): ClusterState[] {
  return clusterNames().flatMap((name) => readState(name) ?? []);
}

/** The file by which only one process at a time starts or ends the cluster with that name. */
export function lockFile(name: string): string {
  requireClusterName(name);
  return `/run/lock/net-exporter-cluster-${name}.lock`;
}

/** The file by which only one process at a time chooses a slot. */
export const slotLockFile = '/run/lock/net-exporter-cluster.slots';
