import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { withLock } from './lock.ts';

/** Which Debian package brings a command. */
const packageOf = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  tar: 'tar',
  openssl: 'openssl',
  runc: 'runc',
  nft: 'nftables',
  iptables: 'iptables',
  etcd: 'etcd-server',
  buildah: 'buildah',
  prometheus: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  tshark: 'tshark',
  'dbus-daemon': 'dbus-daemon',
} as const;

export type SystemCommand = keyof typeof packageOf;

/** Installed only when they are needed, which is by few tests. */
const occasional: readonly SystemCommand[] = ['dbus-daemon', 'prometheus', 'prometheus-alertmanager'];

/** What every cluster runs, and what the tests on it need beside it: installed at once, it takes half the time. */
export const systemCommands = (Object.keys(packageOf) as SystemCommand[]).filter((name) => !occasional.includes(name));

/** A machine that lacks something and can't get it by itself. */
export class MissingPackagesError extends Error {
  readonly code = 'MISSING_PACKAGES';

  constructor(commands: readonly SystemCommand[], reason: string) {
    const packages = packagesFor(commands).join(' ');
    super(
      `missing: ${commands.join(', ')}. ${reason} On Debian: apt-get install --no-install-recommends ${packages} ` +
        '(their services need not run). Elsewhere install what brings these commands.',
    );
    this.name = 'MissingPackagesError';
  }
}

export function packagesFor(commands: readonly SystemCommand[]): string[] {
  return [...new Set(commands.map((command) => packageOf[command]))];
}

/** The commands that are in no folder of the PATH nor of the system's own. */
export function missingCommands(
  commands: readonly SystemCommand[],
  path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`,
): SystemCommand[] {
  return commands.filter((command) => !path.split(':').some((directory) => isExecutable(join(directory, command))));
}

/**
 * Installs the Debian packages of commands that are missing. No service of theirs is started.
 * @throws {MissingPackagesError} where that can't be done.
 */
export async function ensureSystemCommands(
  commands: readonly SystemCommand[],
  log: (line: string) => void,
): Promise<void> {
  if (missingCommands(commands).length === 0) return;
  await withLock('/run/lock/net-exporter-cluster.packages', async () => {
    const missing = missingCommands(commands);
    if (missing.length === 0) return;
    if (!existsSync('/usr/bin/apt-get')) throw new MissingPackagesError(missing, 'This machine has no apt-get.');
    const packages = packagesFor(missing);
    log(`installing Debian packages: ${packages.join(' ')}`);
    const heartbeat = setInterval(() => log('still installing Debian packages'), 10_000);
    try {
      await withoutServices(() => install(packages));
    } catch (error) {
      throw new MissingPackagesError(missing, `Their installation failed: ${(error as Error).message.trim()}.`);
    } finally {
      clearInterval(heartbeat);
    }
    const left = missingCommands(commands);
    if (left.length > 0) throw new MissingPackagesError(left, 'They are missing after the installation too.');
  });
}

async function install(packages: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = ['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120'];
  const installation = [...aptGet, '--no-install-recommends', 'install', ...packages];
  // A machine with stale package lists, or none, learns of it by the first try.
  await run(installation, { env }).catch(async () => {
    await run([...aptGet, 'update'], { env });
    await run(installation, { env });
  });
}

const policyFile = '/usr/sbin/policy-rc.d';
const policy = '#!/bin/sh\n# Written by net-exporter test/cluster, which removes it again.\nexit 101\n';

/** Debian starts a package's services at its installation, unless this file says no (invoke-rc.d(8)). */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  // One left by a crash of ours is ours to remove; anybody else's stays.
  const ours = !existsSync(policyFile) || isOurPolicy();
  if (ours) writeFileSync(policyFile, policy, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) rmSync(policyFile, { force: true });
  }
}

/** Removes what an installation that was killed left: with it Debian starts no service of a package. */
export async function removeOrphanedPolicy(): Promise<void> {
  if (!isOurPolicy()) return;
  // Who holds the lock is still installing.
  await withLock('/run/lock/net-exporter-cluster.packages', async () => {
    if (isOurPolicy()) rmSync(policyFile);
  });
}

function isOurPolicy(): boolean {
  return existsSync(policyFile) && readFileSync(policyFile, 'utf8') === policy;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
