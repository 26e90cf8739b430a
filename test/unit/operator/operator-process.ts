import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

const main = new URL('../../../src/operator/main.ts', import.meta.url).pathname;

/** The operator as a process of its own, with all that it writes. */
export class OperatorProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<unknown[]>;
  #output = '';

  /** @param nodeArguments before the program */
  constructor(kubeconfig: string, nodeArguments: string[] = []) {
    this.#child = spawn(process.execPath, [...nodeArguments, main, '--kubeconfig', kubeconfig], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PORT: '0', LOG_LEVEL: 'trace', POD_NAME: 'operator-0', POD_NAMESPACE: 'net-exporter-system' },
    });
    this.#exited = once(this.#child, 'exit');
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
  }

  /** All that it has written so far, to standard output and error. */
  get output(): string {
    return this.#output;
  }

  /** Resolves once it has written what matches. */
  async says(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + 120_000;
    while (!pattern.test(this.#output)) {
      if (Date.now() > deadline) throw new Error(`it never said ${pattern}:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves with its exit code once it has ended. */
  async exitCode(): Promise<number | null> {
    return (await this.#exited)[0] as number | null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
