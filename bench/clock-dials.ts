import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

/** A dial whose handshake was timed by the JavaScript clock. */
export interface ClockDial {
  /** `ip:port`. */
  host: string;
  localPort: number;
  /** Seconds since the epoch. */
  startedAt: number;
  seconds: number;
}

/**
 * The agent's own dials without the kernel's timing, made in a pod's network namespace by a process of their own with
 * the agent's V8 flags: what the agent would report if it used the JavaScript clock.
 */
export class ClockDials {
  readonly dials: ClockDial[] = [];
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
    createInterface({ input: process.stdout! }).on('line', (line) => this.dials.push(JSON.parse(line) as ClockDial));
  }

  /** @param hosts `ip:port` of what is dialled, each once a second */
  static async start(netns: string, hosts: readonly string[]): Promise<ClockDials> {
    const program = await programText();
    const argv = [process.execPath, ...(await agentFlags()), '--input-type=module', '--eval', program, ...hosts];
    const child = spawn('nsenter', [`--net=${netns}`, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    return new ClockDials(child);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'close');
    this.#process.kill();
    await ended;
  }
}

/** One piece of plain JavaScript: the agent's flags leave Node without the WebAssembly by which it reads TypeScript. */
async function programText(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'clock-dials-program.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** The flags with which the agent's image starts Node. */
async function agentFlags(): Promise<string[]> {
  const dockerfile = await readFile(join(import.meta.dirname, '../Dockerfile.agent'), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
  return entrypoint.filter((argument) => argument.startsWith('--'));
}
