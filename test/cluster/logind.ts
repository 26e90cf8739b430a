import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { builtOnce } from './build-cache.ts';
import { go } from './go-build.ts';
import { besideContainerd, daemonOptions, fileOf, type NodeOptions, writeNodeFile } from './node.ts';
import { ensureSystemCommands } from './packages.ts';
import { isRunning, type ProcessId, startDaemon, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

/**
 * In the node's own /run, where every system bus is: nobody but what runs in the node finds it, and it finds no other.
 */
const socket = '/run/dbus/system_bus_socket';
const busConfigurationFile = '/run/dbus/bus.conf';
/** Where logind has a file for each lock, as the real one has. */
const locksFolder = '/run/systemd/inhibit';
const program = '/var/lib/logind/logind';

/**
 * Milliseconds from the order to switch a node off until its kubelet must have let go of it; it is to take 20 s at
 * most.
 */
const longestShutdown = 60_000;

/** A node's own system bus and the logind on it. */
export interface NodeLogind {
  dbus: ProcessId;
  logind: ProcessId;
}

/** A bus for all that runs in the node, which is all root's. */
export function busConfiguration(): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;
}

/**
 * Starts, beside a node's containerd, a system bus of its own and on it a stand-in for logind (logind/main.go), by
 * which its kubelet learns that the node is about to be switched off. What is missing for it is installed and built
 * first.
 */
export async function startLogind(options: NodeOptions, containerd: ProcessId): Promise<NodeLogind> {
  const name = options.node.name;
  await ensureSystemCommands(['dbus-daemon'], () => {});
  writeNodeFile(options, busConfigurationFile, busConfiguration());
  mkdirSync(fileOf(options, locksFolder), { recursive: true });
  mkdirSync(dirname(fileOf(options, program)), { recursive: true });
  copyFileSync(await standIn(), fileOf(options, program));
  const start = (what: string, argv: string[]) =>
    startDaemon({ argv: [...besideContainerd(options, containerd), ...argv], ...daemonOptions(options, what) });
  const dbus = await start('dbus', ['dbus-daemon', '--nofork', '--nopidfile', `--config-file=${busConfigurationFile}`]);
  const listens = () => !isRunning(dbus) || existsSync(fileOf(options, socket));
  await waitFor(`${name}'s system bus`, listens, { timeout: 30_000, interval: 20 });
  return { dbus, logind: await start('logind', [program, locksFolder]) };
}

/** The stand-in's program, built where there is none yet: a matter of seconds, needed by few clusters. */
async function standIn(): Promise<string> {
  const cwd = join(import.meta.dirname, 'logind');
  const flags = ['-mod=readonly', '-buildvcs=false', '-trimpath', '-ldflags=-s -w'];
  const hash = createHash('sha256').update(JSON.stringify([arch(), flags]));
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(cwd, file)));
  const directory = await builtOnce(`logind-${hash.digest('hex').slice(0, 16)}`, async (directory) => {
    await go(['build', ...flags, '-o', join(directory, 'logind'), '.'], { cwd });
  });
  return join(directory, 'logind');
}

/** Resolves when a node's kubelet will be asked before the node is switched off. */
export async function waitForShutdownLock(options: NodeOptions, { logind }: NodeLogind): Promise<void> {
  const name = options.node.name;
  const locked = () => !isRunning(logind) || locks(options).length > 0;
  await waitFor(`the lock of ${name}'s kubelet on the shutdown`, locked, { timeout: 60_000 });
  if (!isRunning(logind)) throw new Error(`${name}'s logind ended: ${logOf(options)}`);
}

/** Gives a node's logind the order to switch the node off, and resolves when its kubelet has let go of it. */
export async function shutDown(options: NodeOptions, logind: ProcessId): Promise<void> {
  await stopProcess(logind, longestShutdown);
  if (locks(options).length === 0) return;
  const held = `within ${longestShutdown / 1000} s of the order to shut it down`;
  throw new Error(`${options.node.name}'s kubelet did not let go of the node ${held}: ${logOf(options)}`);
}

function locks(options: NodeOptions): string[] {
  return readdirSync(fileOf(options, locksFolder));
}

function logOf(options: NodeOptions): string {
  return readFileSync(daemonOptions(options, 'logind').logFile, 'utf8').trim();
}
