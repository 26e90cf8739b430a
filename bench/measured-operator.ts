import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { operatorName, operatorNamespace } from '../src/contract/operator-names.ts';
import { type Metrics, scrape } from '../test/e2e/metrics.ts';
import { type ProcessUsage, readProcessUsage } from './process-usage.ts';

const root = join(import.meta.dirname, '..');

/** How long it may take to become ready, and to end; in milliseconds. */
const readyWithinMs = 120_000;
const endedWithinMs = 15_000;

export interface MeasuredOperatorOptions {
  /** The bundle. */
  file: string;
  kubeconfig: string;
  logFile: string;
  /** What its environment has besides what it needs to run at all. */
  environment?: Record<string, string>;
  /** Options of Node in addition to the image's. */
  nodeOptions?: readonly string[];
  signal: AbortSignal;
}

/** The operator as the image starts it, but as a process of this machine: its memory and CPU are its own. */
export class MeasuredOperator {
  readonly pid: number;
  /** Where it serves metrics and health. */
  readonly port: number;
  /** From the start of the process until /readyz said yes, in seconds. */
  readonly readySeconds: number;
  readonly #url: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #logFile: string;

  private constructor(
    child: ChildProcess,
    exited: Promise<unknown>,
    port: number,
    logFile: string,
    readySeconds: number,
  ) {
    this.pid = child.pid!;
    this.#child = child;
    this.#exited = exited;
    this.port = port;
    this.#url = urlOf(port);
    this.#logFile = logFile;
    this.readySeconds = readySeconds;
  }

  /** Starts it and waits until it is ready. */
  static async start(options: MeasuredOperatorOptions): Promise<MeasuredOperator> {
    const { file, kubeconfig, logFile, environment = {}, nodeOptions = [], signal } = options;
    const port = await freePort();
    const log = openSync(logFile, 'a');
    const started = performance.now();
    const dockerfile = readFileSync(join(root, 'Dockerfile.operator'), 'utf8');
    const [, ...args] = imageCommand(dockerfile);
    const child = spawn(
      process.execPath,
      [
        ...nodeOptions,
        ...args.map((argument) => (argument === '/app/main.mjs' ? file : argument)),
        ...['--kubeconfig', kubeconfig],
      ],
      {
        stdio: ['ignore', log, log],
        env: {
          ...imageEnvironment(dockerfile),
          PORT: String(port),
          POD_NAME: `${operatorName}-bench`,
          POD_NAMESPACE: operatorNamespace,
          ...environment,
        },
      },
    );
    closeSync(log);
    const exited = once(child, 'exit');
    const url = urlOf(port);
    try {
      while (!(await isReady(url))) {
        signal.throwIfAborted();
        if (child.exitCode !== null || performance.now() - started > readyWithinMs)
          throw new Error(`the operator did not become ready: ${endOf(logFile)}`);
        await sleep(20);
      }
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return new MeasuredOperator(child, exited, port, logFile, (performance.now() - started) / 1000);
  }

  usage(): ProcessUsage {
    return readProcessUsage(this.pid);
  }

  metrics(): Promise<Metrics> {
    return scrape(`${this.#url}/metrics`);
  }

  /** Asks what the kubelet asks. */
  async probe(): Promise<void> {
    for (const path of ['/healthz', '/readyz']) await (await fetch(`${this.#url}${path}`)).text();
  }

  /** Ends it as the kubelet does. @throws Error when it has ended by itself, with the end of its log */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the operator had ended by itself (${signalCode ?? exitCode}): ${endOf(this.#logFile)}`);
    this.#child.kill('SIGTERM');
    const late = sleep(endedWithinMs, 'late' as const, { ref: false });
    if ((await Promise.race([this.#exited, late])) === 'late') this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function endOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').slice(-2000);
}

/** The command line that a Dockerfile's ENTRYPOINT gives. */
export function imageCommand(dockerfile: string): string[] {
  const [, list] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  if (list === undefined) throw new Error('the Dockerfile has no ENTRYPOINT as a list');
  return JSON.parse(list) as string[];
}

/** The variables that a Dockerfile sets, one a line. */
export function imageEnvironment(dockerfile: string): Record<string, string> {
  return Object.fromEntries(
    [...dockerfile.matchAll(/^ENV ([^=\s]+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
  );
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

/** A port that nobody listens on, at the time. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
