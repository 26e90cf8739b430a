import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { encodeSyncAccess, type SyncAccess } from '../../../src/protocol/sync-access.ts';
import { ConfigMapVolume } from './config-map-volume.ts';
import { eventually } from './eventually.ts';
import { readSeries } from './exposition.ts';
import type { TemporaryDirectory } from './temporary-directory.ts';

const main = new URL('../../../src/agent/main.ts', import.meta.url).pathname;

/** What a pod on this machine has: its volumes and its resolver configuration. Its agents come and go. */
export class AgentPod {
  readonly volume: ConfigMapVolume;
  readonly #directory: TemporaryDirectory;
  readonly #nameserverPort: number;

  constructor(directory: TemporaryDirectory, nameserverPort: number) {
    mkdirSync(directory.file('mounted'));
    this.volume = new ConfigMapVolume(directory.file('mounted'), 'settings.json');
    this.#directory = directory;
    this.#nameserverPort = nameserverPort;
    writeFileSync(
      directory.file('resolv.conf'),
      'search monitoring.svc.cluster.local svc.cluster.local cluster.local\nnameserver 127.0.0.1\noptions ndots:5\n',
    );
  }

  /** Mounts how the operator is reached, and a token to show to it. */
  giveOperator(access: SyncAccess, token: string): void {
    writeFileSync(this.#directory.file('token'), token);
    // As the kubelet does: replaced as a whole.
    writeFileSync(this.#directory.file('sync.json.new'), encodeSyncAccess(access));
    renameSync(this.#directory.file('sync.json.new'), this.#directory.file('sync.json'));
  }

  /** Starts the agent. @param nodeArguments before the program */
  start(port: number, nodeArguments: string[] = [], program = main): AgentProcess {
    const child = spawn(process.execPath, [...nodeArguments, program], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        NODE_NAME: 'node-a',
        POD_NAME: 'default-agent-abcde',
        POD_IPS: '127.0.0.1',
        PORT: String(port),
        SETTINGS_FILE: this.volume.path,
        SYNC_ACCESS_FILE: this.#directory.file('sync.json'),
        SYNC_TOKEN_FILE: this.#directory.file('token'),
        STATE_DIRECTORY: this.#directory.file('state'),
        RESOLV_CONF: this.#directory.file('resolv.conf'),
        NAMESERVER_PORT: String(this.#nameserverPort),
      },
    });
    return new AgentProcess(child, port);
  }
}

/** An agent that runs as a process of its own. */
export class AgentProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #port: number;
  readonly #exited: Promise<unknown[]>;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcessByStdio<null, Readable, Readable>, port: number) {
    this.#child = child;
    this.#port = port;
    this.#exited = once(child, 'exit');
    child.stdout.on('data', (chunk) => {
      this.#stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      this.#stderr += chunk;
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it wrote to its standard output, each line parsed. */
  get log(): { time: string; level: string; msg: string; [field: string]: unknown }[] {
    return this.#stdout.split('\n').flatMap((line) => (line === '' ? [] : JSON.parse(line)));
  }

  /** What it wrote besides. */
  get stderr(): string {
    return this.#stderr;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { headers });
  }

  async series(): Promise<Map<string, number>> {
    return readSeries(await (await this.get('/metrics')).text());
  }

  async ready(): Promise<void> {
    await eventually(
      () =>
        this.get('/-/ready').then(
          ({ status }) => status === 200,
          () => false,
        ),
      () => `ready: ${this.#stdout}${this.#stderr}`,
    );
  }

  /** Waits until the metrics are as they should be. @returns them */
  async metricsThat(hold: (series: Map<string, number>) => boolean): Promise<Map<string, number>> {
    let last = new Map<string, number>();
    return eventually(
      async () => {
        last = await this.series();
        return hold(last) && last;
      },
      () => `${[...last].map((sample) => sample.join(' ')).join('\n')}\n${this.#stdout}${this.#stderr}`,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns its exit code, null when a signal killed it */
  async exitCode(): Promise<number | null> {
    const [code] = await this.#exited;
    return code as number | null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** A TCP port that is free on every loopback address right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '::');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
