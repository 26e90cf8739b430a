import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imagesDirectory, programsDirectory } from './cache-directories.ts';
import { cgroupDirectories } from './cgroups.ts';
import { mountPoints } from './mounts.ts';
import { netnsNames } from './netns.ts';
import { parentCgroup } from './owned-cgroup.ts';
import { clustersDirectory } from './state.ts';

/**
 * Everything on this machine by which a run of ours could be noticed after its end, one line each: network namespaces and interfaces,
 * mounts, cgroups, processes, folders, locks and changed kernel settings. Two of these lists, from before and after a run, are compared.
 */
export function inventory(): string[] {
  return [
    ...netnsNames().map((name) => `network namespace ${name}`),
    ...namesIn('/sys/class/net').map((name) => `network interface ${name}`),
    ...mountPoints().map((path) => `mount ${path}`),
    ...[...new Set(cgroupDirectories(parentCgroup).flatMap(namesIn))].map((name) => `cgroup ${parentCgroup}/${name}`),
    ...processes(),
    ...folders().map((path) => `folder ${path}`),
    `fs.inotify.max_user_instances ${readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8').trim()}`,
  ].sort();
}

function folders(): string[] {
  const temporary = globSync(['net-exporter-*', 'go-build*', 'buildah*'], { cwd: tmpdir() });
  const locks = globSync('net-exporter-*', { cwd: '/run/lock' });
  return [
    ...temporary.map((name) => join(tmpdir(), name)),
    ...locks.map((name) => join('/run/lock', name)),
    // Archives and programs stay on purpose; they are named by a hash of what they are made of.
    ...[imagesDirectory(), programsDirectory()].flatMap((parent) =>
      namesIn(parent)
        .filter((name) => !/^[0-9a-f]+$/.test(name))
        .map((name) => join(parent, name)),
    ),
    ...namesIn(clustersDirectory()).map((name) => join(clustersDirectory(), name)),
  ];
}

/** Processes that carry a path of ours in their command line, working directory or environment, or are in a cgroup of ours. */
function processes(): string[] {
  return globSync('/proc/[0-9]*').flatMap((directory) => {
    const pid = Number(directory.slice('/proc/'.length));
    if (pid === process.pid) return [];
    const [command, cgroup, environment] = ['cmdline', 'cgroup', 'environ'].map((file) => read(join(directory, file)));
    const text = `${command}\n${cgroup}\n${environment}\n${link(join(directory, 'cwd'))}`;
    return /net-exporter/.test(text) ? [`process ${pid} ${command!.replaceAll('\0', ' ').trim()}`] : [];
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

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
