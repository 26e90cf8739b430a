import { spawn } from 'node:child_process';
import { joinCgroupScript } from './cgroups.ts';

/** A command that ended with another exit code than 0; `stderr` is what it said. */
export class CommandError extends Error {
  readonly code = 'COMMAND_FAILED';
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | null, stderr: string) {
    super(`${argv.join(' ')} ended with ${exitCode ?? 'a signal'}: ${stderr.trim() || '(no message)'}`);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export interface RunOptions {
  /** Written to the command's standard input, which is empty otherwise. */
  input?: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Cgroup directories that the command joins before it runs, with all that it starts. */
  cgroups?: readonly string[];
  /** Called with every line of standard error as it comes. */
  onErrorLine?: (line: string) => void;
}

/**
 * Runs a command to its end and returns its standard output. No shell is involved.
 * @throws {CommandError} when it ends with another code than 0; an `ENOENT` error when there is no such command.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cgroups = [] } = options;
  const joined = cgroups.length === 0 ? argv : ['sh', '-c', `${joinCgroupScript(cgroups)}exec "$@"`, 'sh', ...argv];
  const [command = '', ...args] = joined;
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.env !== undefined && { env: options.env }),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  const output: Buffer[] = [];
  const errors: string[] = [];
  let partial = '';
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors.push(chunk);
    if (options.onErrorLine === undefined) return;
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) options.onErrorLine(line);
  });
  // The command may end without reading its input: that is told by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (exitCode !== 0) throw new CommandError(argv, exitCode, errors.join(''));
  return Buffer.concat(output).toString('utf8');
}
