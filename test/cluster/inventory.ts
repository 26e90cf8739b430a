import { existsSync, globSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { addressesOf } from './addresses.ts';
import { cgroupDirectories } from './cgroups.ts';
import { isAbandoned } from './cleanup.ts';
import { formerFile } from './inotify-limit.ts';
import { mountPoints } from './mounts.ts';
import { namesIn } from './names-in.ts';
import { netnsNames } from './netns.ts';
import { parentCgroup } from './owned-cgroup.ts';
import { ownerOf } from './owned-name.ts';
import { isRunning } from './processes.ts';
import { allStates, clustersDirectory } from './state.ts';

/**
 * Everything on this machine by which a run could be noticed after its end, a line each: network namespaces and
 * interfaces, mounts, cgroups, processes, folders, locks and changed kernel settings. Two of these lists, from before
 * and after the run, are compared. What belongs to a process or a cluster that still runs is in neither.
 * @param directory a folder in which the run and all its processes were made to put their files
 * @param parents folders of it in which nothing may stay but programs and images, named by a hash of what they are made
 *   of
 */
export function inventory(directory: string, parents: readonly string[]): string[] {
  const running = allStates().filter((state) => !isAbandoned(state));
  const clusters = running.map(({ name }) => name);
  const networks = running.map(({ slot }) => addressesOf(slot));
  const unowned = (path: string) => {
    const name = basename(path);
    const owner = ownerOf(name);
    if (owner !== undefined) return !isRunning(owner);
    const cluster = name.replace(/^net-exporter-cluster-(.*)\.lock$/, '$1');
    return !clusters.includes(cluster) && !networks.some(({ netnsPrefix }) => name.startsWith(netnsPrefix));
  };
  return [
    ...netnsNames()
      .filter(unowned)
      .map((name) => `network namespace ${name}`),
    ...namesIn('/sys/class/net')
      .filter((name) => /^nec\d+$/.test(name) && !networks.some(({ hostInterface }) => name === hostInterface))
      .map((name) => `network interface ${name}`),
    ...mountPoints()
      .filter((path) => path.includes('net-exporter') && unowned(path))
      .map((path) => `mount ${path}`),
    ...[...new Set(cgroupDirectories(parentCgroup).flatMap(foldersIn))]
      .filter(unowned)
      .map((name) => `cgroup ${parentCgroup}/${name}`),
    ...processesOf(directory),
    ...folders(parents)
      .filter(unowned)
      .map((path) => `folder ${path}`),
    // The last cluster gives it back, and removes this file.
    ...(running.length === 0 && existsSync(formerFile) ? [`raised limit of inotify instances, see ${formerFile}`] : []),
  ].sort();
}

function folders(parents: readonly string[]): string[] {
  const locks = globSync('net-exporter-cluster-*.lock', { cwd: '/run/lock' });
  return [
    ...locks.map((name) => join('/run/lock', name)),
    ...parents.flatMap((parent) =>
      namesIn(parent)
        .filter((name) => !/^[0-9a-f]+$/.test(name))
        .map((name) => join(parent, name)),
    ),
    ...namesIn(clustersDirectory()).map((name) => join(clustersDirectory(), name)),
  ];
}

/**
 * Processes that were given the folder in their environment, or work in it. Those of a cluster are found by its cgroup.
 */
function processesOf(folder: string): string[] {
  return globSync('/proc/[0-9]*').flatMap((directory) => {
    const [command, environment] = ['cmdline', 'environ'].map((file) => read(join(directory, file)));
    const text = `${command}\n${environment}\n${link(join(directory, 'cwd'))}`;
    return text.includes(folder) ? [`process ${basename(directory)} ${command!.replaceAll('\0', ' ').trim()}`] : [];
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function foldersIn(directory: string): string[] {
  return namesIn(directory).filter((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.isDirectory());
}
