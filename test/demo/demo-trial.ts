import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { imagesDirectory, programsDirectory } from '../cluster/cache-directories.ts';
import { inventory } from '../cluster/inventory.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';

const program = join(import.meta.dirname, 'main.ts');

/** When to kill a demo: so long after the line of its output that contains the text. */
export interface Moment {
  text: string;
  /** Milliseconds. */
  delay: number;
  /** Whether its process group dies with it, as when a terminal's machine goes down, or the process alone. */
  group: boolean;
  /** Whether it finds no built images, so that it builds them. */
  withoutImages?: boolean;
}

/** Runs the demo as users do, each in a process group of its own, and looks at what it leaves on this machine. */
export class DemoTrial implements AsyncDisposable {
  /** Where everything that is run puts its files. */
  readonly #directory = ownedDirectory('trial');
  readonly #log: (line: string) => void;
  readonly #signal: AbortSignal | undefined;

  /** @param signal stops the demo that runs, as Ctrl-C does */
  constructor(log: (line: string) => void, signal?: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
    this.#prepareCache(false);
  }

  /**
   * Kills a demo at a moment, runs another one to its end, and lists what is on the machine then that was not before.
   * @throws Error when the first one ends before that moment, or the second one does not succeed
   */
  async leftAfterKill(moment: Moment, nodes: number): Promise<string[]> {
    this.#prepareCache(moment.withoutImages ?? false);
    const before = new Set(inventory(this.#directory, this.#parents));
    await this.#kill(moment, nodes);
    await this.runOnce(nodes);
    const left = () => inventory(this.#directory, this.#parents).filter((line) => !before.has(line));
    // Another cluster that starts or ends at this moment may show half of itself.
    for (let attempt = 0; attempt < 10 && left().length > 0; attempt++) await sleep(1000);
    return left();
  }

  /**
   * Runs a demo to its end.
   * @throws Error with the end of its output when it does not succeed
   */
  async runOnce(nodes: number): Promise<void> {
    const demo = this.#start(['--once', '--nodes', String(nodes)]);
    const code = await demo.ended;
    if (code !== 0) throw new Error(`the demo on ${nodes} nodes ended with ${code}:\n${demo.output()}`);
  }

  /** Removes the folder of the trial. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #kill({ text, delay, group }: Moment, nodes: number): Promise<void> {
    const demo = this.#start(['--nodes', String(nodes)]);
    await demo.printed(text);
    await sleep(delay);
    this.#log(`killing the demo ${delay} ms after "${text}"${group ? ', with its process group' : ''}`);
    process.kill(group ? -demo.pid : demo.pid, 'SIGKILL');
    await demo.ended;
  }

  get #temporary(): string {
    return join(this.#directory, 'tmp');
  }

  get #cache(): string {
    return join(this.#directory, 'cache');
  }

  /** Where it would leave files. */
  get #parents(): string[] {
    return [this.#temporary, join(this.#cache, 'net-exporter/images'), join(this.#cache, 'net-exporter/cluster')];
  }

  /** A cache that has the cluster's programs, which take minutes to build, and the machine's images or none. */
  #prepareCache(withoutImages: boolean): void {
    const cache = join(this.#cache, 'net-exporter');
    rmSync(cache, { recursive: true, force: true });
    for (const directory of [this.#temporary, cache, imagesDirectory()]) mkdirSync(directory, { recursive: true });
    symlinkSync(programsDirectory(), join(cache, 'cluster'));
    if (!withoutImages) symlinkSync(imagesDirectory(), join(cache, 'images'));
  }

  #start(args: string[]): RunningDemo {
    // A trial that is killed ends its demo, which then cleans up.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', process.execPath, program, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.#temporary, XDG_CACHE_HOME: this.#cache },
    });
    const stop = () => child.kill('SIGINT');
    this.#signal?.addEventListener('abort', stop, { once: true });
    child.on('exit', () => this.#signal?.removeEventListener('abort', stop));
    return new RunningDemo(child, this.#log);
  }
}

/** A demo that was started. */
class RunningDemo {
  readonly pid: number;
  /** Its exit code; undefined when it was killed. */
  readonly ended: Promise<number | undefined>;
  #output = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, log: (line: string) => void) {
    this.pid = child.pid!;
    this.#child = child;
    // Not `close`: what it left running may still hold its output.
    this.ended = once(child, 'exit').then(([code]) => code ?? undefined);
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const line of text.trimEnd().split('\n')) log(`  ${line}`);
      });
  }

  /** The end of what it printed. */
  output(): string {
    return this.#output.slice(-4000);
  }

  /** @throws Error when it ends without having printed the text */
  async printed(text: string): Promise<void> {
    while (!this.#output.includes(text)) {
      const more = once(this.#child.stdout!, 'data').then(() => true);
      if (!(await Promise.race([more, this.ended.then(() => false)])))
        throw new Error(`the demo ended before it printed "${text}":\n${this.output()}`);
    }
  }
}
