import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { joinCgroupScript } from './cgroups.ts';
import { waitFor } from './wait.ts';

/** A process, told apart from a later one with the same number by its start time (clock ticks since boot). */
export interface ProcessId {
  pid: number;
  startTime: string;
}

/** What /proc/PID/stat says of a process. */
export interface ProcessStat {
  state: string;
  threads: number;
  startTime: string;
}

/**
 * State, number of threads and start time in the text of /proc/PID/stat (proc(5): fields 3, 20 and 22). The second
 * field is the program's name in brackets and may itself hold spaces and brackets.
 */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]];
  return state && threads && startTime ? { state, threads: Number(threads), startTime } : undefined;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The identity of a running process; undefined if there is none with that number. */
export function identify(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime };
}

/**
 * Whether that very process still runs: a zombie does not, nor does a stranger with the same number. One whose first
 * thread is a zombie runs on in the others, which hold its ports and files until the last of them has ended.
 */
export function isRunning(process: ProcessId, stat: (pid: number) => ProcessStat | undefined = readStat): boolean {
  const found = stat(process.pid);
  if (found?.startTime !== process.startTime || found.state === 'X') return false;
  return found.state !== 'Z' || found.threads > 1;
}

export interface DaemonOptions {
  argv: readonly string[];
  /** Takes standard output and error; appended to. */
  logFile: string;
  cwd: string;
  /** Cgroup directories that the process joins before it runs: whatever it starts can be found there. */
  cgroups: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Starts a process that outlives this one, in a session of its own. */
export async function startDaemon({ argv, logFile, cwd, cgroups, env = {} }: DaemonOptions): Promise<ProcessId> {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn('sh', ['-c', `${joinCgroupScript(cgroups)}exec "$@"`, 'sh', ...argv], {
      cwd,
      detached: true,
      stdio: ['ignore', log, log],
      // Nothing of the caller's environment, KUBECONFIG and proxies above all, reaches the cluster.
      env: { PATH: process.env.PATH, HOME: cwd, ...env },
    });
    await new Promise<void>((resolve, reject) => {
      child.on('spawn', resolve);
      child.on('error', reject);
    });
    child.unref();
    return identify(child.pid!) ?? { pid: child.pid!, startTime: 'ended' };
  } finally {
    closeSync(log);
  }
}

/** Ends a process: SIGTERM, and SIGKILL when it is still there after `grace` milliseconds. */
export async function stopProcess(process: ProcessId, grace = 10_000): Promise<void> {
  if (!sendSignal(process, 'SIGTERM')) return;
  await waitFor(`the end of process ${process.pid}`, () => !isRunning(process), { timeout: grace, interval: 20 }).catch(
    () => killProcess(process),
  );
}

/** Ends a process at once. */
export async function killProcess(process: ProcessId): Promise<void> {
  sendSignal(process, 'SIGKILL');
  await waitFor(`the end of process ${process.pid}`, () => !isRunning(process), { timeout: 10_000, interval: 20 });
}

/** Sends a signal to that very process. @returns whether it runs */
export function sendSignal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    process.kill(target.pid, name);
    return true;
  } catch {
    return false;
  }
}
