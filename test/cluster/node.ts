import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Addresses, NodeAddresses } from './addresses.ts';
import type { CertificateAuthority } from './certificates.ts';
import { createCgroup, daemonCgroups } from './cgroups.ts';
import { run } from './command.ts';
import { apiServerUrl } from './control-plane.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import {
  cniConfiguration,
  cniConfigurationDirectory,
  cniScriptsDirectory,
  containerdConfiguration,
  kubeletConfiguration,
  kubeletDirectory,
  noDuplicateDetection,
  nodeBinaries,
} from './node-configuration.ts';
import { isRunning, type ProcessId, startDaemon } from './processes.ts';
import { waitFor } from './wait.ts';

/**
 * The parts of the machine that a node sees its own version of, in a mount namespace: nothing that containerd and the
 * kubelet write at fixed places (CNI's results, shims' sockets, device plugins' sockets, links to logs) reaches the
 * machine's folders, and all mounts end with the node's processes.
 */
const ownFolders = { run: '/run', 'var-lib': '/var/lib', 'var-log': '/var/log' };

/** The kernel settings that a kubelet sets, for the whole machine, unless they are so already. */
const kernelSettings = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/** Shell text that mounts a node's own folders and then becomes the program in its arguments. */
function prepareMounts(directory: string): string {
  const folders = Object.entries(ownFolders);
  // The one that hides the clusters' folder comes last: the others could not be found any more.
  folders.sort(([, a], [, b]) => Number(directory.startsWith(`${a}/`)) - Number(directory.startsWith(`${b}/`)));
  return [
    'set -e',
    `mount --bind "$BINARIES" "$NODE/run/${nodeBinaries.slice('/run/'.length)}"`,
    ...Object.keys(kernelSettings).map((name) => `mount --bind "$NODE/sysctl/${name}" "/proc/sys/${name}"`),
    ...folders.map(([folder, path]) => `mount --rbind "$NODE/${folder}" ${path}`),
    'cd /',
    'exec "$@"',
  ].join('\n');
}

export interface NodeOptions {
  cluster: string;
  addresses: Addresses;
  node: NodeAddresses;
  /** The cluster's folder. */
  directory: string;
  binaries: string;
  authority: CertificateAuthority;
  /** The node's cgroup: its daemons in `system` below it, its pods beside that. */
  cgroup: string;
}

export function nodeDirectory(directory: string, name: string): string {
  return join(directory, 'nodes', name);
}

/** The file on the machine behind a path that the node's processes use. */
export function fileOf({ directory, node }: NodeOptions, path: string): string {
  for (const [folder, mount] of Object.entries(ownFolders)) {
    if (path.startsWith(`${mount}/`))
      return join(nodeDirectory(directory, node.name), folder, path.slice(mount.length));
  }
  throw new RangeError(`${path} is the same for the node and the machine`);
}

/** Writes a file at a path that the node's processes use, with the folders above it. */
export function writeNodeFile(options: NodeOptions, path: string, content: string, mode = 0o600): void {
  const file = fileOf(options, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
}

/** Starts a node's containerd, in the node's network and in a mount namespace of its own. */
export async function startContainerd(options: NodeOptions): Promise<ProcessId> {
  const { node, cgroup, binaries } = options;
  const directory = nodeDirectory(options.directory, node.name);
  for (const folder of Object.keys(ownFolders)) mkdirSync(join(directory, folder), { recursive: true });
  mkdirSync(fileOf(options, nodeBinaries), { recursive: true });
  for (const [name, value] of Object.entries(kernelSettings)) {
    mkdirSync(dirname(join(directory, 'sysctl', name)), { recursive: true });
    writeFileSync(join(directory, 'sysctl', name), `${value}\n`);
  }
  writeNodeFile(options, '/var/lib/containerd/config.toml', containerdConfiguration());
  writeNodeFile(options, `${cniScriptsDirectory}/${noDuplicateDetection.name}`, noDuplicateDetection.script, 0o755);
  writeNodeFile(options, `${cniConfigurationDirectory}/10-pods.conflist`, JSON.stringify(cniConfiguration(node)));
  createCgroup(join(cgroup, 'system'));
  const program = [`${nodeBinaries}/containerd`, '--config', '/var/lib/containerd/config.toml'];
  return await startDaemon({
    argv: [
      ...['nsenter', `--net=${node.netns}`, 'unshare', '--mount', '--propagation', 'slave'],
      ...['sh', '-c', prepareMounts(directory), 'sh', ...program],
    ],
    ...daemonOptions(options, 'containerd'),
    env: { NODE: directory, BINARIES: binaries, PATH: `${nodeBinaries}:${process.env.PATH}:/usr/sbin:/sbin` },
  });
}

/** Resolves when a node's containerd answers. */
export async function waitForContainerd(
  options: NodeOptions,
  containerd: ProcessId,
  signal?: AbortSignal,
): Promise<void> {
  const what = `an answer of ${options.node.name}'s containerd`;
  const answers = async () => !isRunning(containerd) || (await ctr(options, ['version'])) !== '';
  await waitFor(what, answers, { timeout: 30_000, signal });
  if (!isRunning(containerd)) throw new Error(`${options.node.name}'s containerd ended`);
}

/**
 * The beginning of a command line for what runs in a node's network and sees its folders: all but containerd, which
 * makes them so.
 */
export function besideContainerd({ node }: NodeOptions, containerd: ProcessId): string[] {
  return ['nsenter', `--net=${node.netns}`, `--mount=/proc/${containerd.pid}/ns/mnt`];
}

/**
 * Starts a node's kubelet, beside its containerd.
 * @param gracefulShutdown whether the kubelet takes part in the machine's shutdown; the node's logind runs already then
 */
export async function startKubelet(
  options: NodeOptions,
  containerd: ProcessId,
  gracefulShutdown: boolean,
): Promise<ProcessId> {
  const { cluster, addresses, node, authority, cgroup } = options;
  const server = apiServerUrl(addresses);
  // What pods have in their resolv.conf, also in a dual-stack cluster: one address, as kubeadm sets it up.
  const dnsServiceAddress = addresses.dnsServiceAddresses[0]!;
  const [client, serving] = await Promise.all([
    authority.issue(`${node.name}-client`, { commonName: `system:node:${node.name}`, organization: 'system:nodes' }),
    authority.issue(`${node.name}-serving`, { commonName: node.name, hosts: [node.name, ...node.addresses] }),
  ]);
  writeNodeFile(
    options,
    `${kubeletDirectory}/config.json`,
    JSON.stringify(kubeletConfiguration(`/${cgroup}`, dnsServiceAddress, gracefulShutdown)),
  );
  // Pods with the node's DNS settings depend on nothing of the machine's: there is one resolver, the cluster's.
  writeNodeFile(options, `${kubeletDirectory}/resolv.conf`, `nameserver ${dnsServiceAddress}\n`);
  copyFileSync(authority.certificate, fileOf(options, `${kubeletDirectory}/ca.crt`));
  copyFileSync(serving.certificate, fileOf(options, `${kubeletDirectory}/kubelet.crt`));
  copyFileSync(serving.key, fileOf(options, `${kubeletDirectory}/kubelet.key`));
  const access = { cluster, server, authority: authority.certificate };
  await writeKubeconfig(fileOf(options, `${kubeletDirectory}/kubeconfig`), { ...access, client });
  return startDaemon({
    argv: [
      ...besideContainerd(options, containerd),
      `${nodeBinaries}/kubelet`,
      `--config=${kubeletDirectory}/config.json`,
      `--kubeconfig=${kubeletDirectory}/kubeconfig`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.addresses.join(',')}`,
      `--node-labels=topology.kubernetes.io/zone=${node.zone}`,
    ],
    ...daemonOptions(options, 'kubelet'),
  });
}

/** Starts a node's kube-proxy. @param flags of the command line, beside those that it needs here */
export async function startKubeProxy(options: NodeOptions, flags: readonly string[]): Promise<ProcessId> {
  const { cluster, addresses, node, authority } = options;
  const client = await authority.issue(`${node.name}-proxy`, { commonName: 'system:kube-proxy' });
  const kubeconfig = join(nodeDirectory(options.directory, node.name), 'kube-proxy.kubeconfig');
  const server = apiServerUrl(addresses);
  await writeKubeconfig(kubeconfig, { cluster, server, authority: authority.certificate, client });
  return startDaemon({
    argv: [
      ...['nsenter', `--net=${node.netns}`, join(options.binaries, 'kube-proxy')],
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${node.name}`,
      `--cluster-cidr=${addresses.podNetworks.join(',')}`,
      '--proxy-mode=nftables',
      // These kernel settings can't be written in a network namespace.
      ...[
        '--conntrack-max-per-core=0',
        '--conntrack-tcp-timeout-established=0',
        '--conntrack-tcp-timeout-close-wait=0',
      ],
      ...flags,
    ],
    ...daemonOptions(options, 'kube-proxy'),
  });
}

/** Loads an image archive into a node's containerd. */
export async function importImage(options: NodeOptions, archive: string): Promise<void> {
  await ctr(options, ['images', 'import', archive]);
}

/** Runs containerd's client against a node, in Kubernetes' namespace; returns its output. */
export async function ctr(options: NodeOptions, command: readonly string[]): Promise<string> {
  const socket = fileOf(options, '/run/containerd/containerd.sock');
  return await run([join(options.binaries, 'ctr'), '--address', socket, '--namespace', 'k8s.io', ...command]);
}

/** Where a node's process logs and is counted. */
export function daemonOptions({ directory, node, cgroup }: NodeOptions, name: string) {
  return {
    logFile: join(directory, 'logs', `${node.name}-${name}.log`),
    cwd: nodeDirectory(directory, node.name),
    cgroups: daemonCgroups(join(cgroup, 'system')),
  };
}
