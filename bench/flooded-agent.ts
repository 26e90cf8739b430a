import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../test/cluster/wait.ts';
import { type Metrics, scrape } from '../test/e2e/metrics.ts';
import { freePort, imageCommand } from './measured-operator.ts';

const root = join(import.meta.dirname, '..');

/** As the kubelet probes: how often, how long a probe may take, and after how many failures an agent is unready. */
const periodMs = 1000;
const timeoutMs = 1000;
const failureThreshold = 3;

/** An agent as the image starts it, but as a process of this machine, and probed as the kubelet does. */
export class FloodedAgent {
  readonly port: number;
  /** How often it became unready. */
  unready = 0;
  /** Probes that failed, of all. */
  failed = 0;
  probes = 0;
  readonly #child: ChildProcess;
  readonly #end = new AbortController();

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Starts it and waits until it is ready. @param file the bundle */
  static async start(file: string, directory: string, signal: AbortSignal): Promise<FloodedAgent> {
    const port = await freePort();
    const log = openSync(join(directory, 'agent.log'), 'a');
    const resolvConf = join(directory, 'resolv.conf');
    writeFileSync(resolvConf, 'search cluster.local\nnameserver 127.0.0.1\n');
    const [, ...args] = imageCommand(readFileSync(join(root, 'Dockerfile.agent'), 'utf8'));
    const child = spawn(
      process.execPath,
      args.map((argument) => (argument === '/app/main.mjs' ? file : argument)),
      {
        stdio: ['ignore', log, log],
        env: {
          ...{ NODE_NAME: 'node-flooded', POD_NAME: 'flooded', POD_IPS: '127.0.0.1', PORT: String(port) },
          ...{ SETTINGS_FILE: join(directory, 'none'), SYNC_ACCESS_FILE: join(directory, 'none') },
          ...{ SYNC_TOKEN_FILE: join(directory, 'none'), STATE_DIRECTORY: join(directory, 'state') },
          ...{ RESOLV_CONF: resolvConf, NAMESERVER_PORT: '53' },
        },
      },
    );
    closeSync(log);
    const agent = new FloodedAgent(child, port);
    await waitFor('the agent is ready', () => agent.#probe(), { timeout: 30_000, interval: 100, signal });
    void agent.#probeAgainAndAgain();
    return agent;
  }

  /** What it serves on /metrics now. A flood may take the place of one connection. */
  metrics(): Promise<Metrics> {
    const url = `http://127.0.0.1:${this.port}/metrics`;
    return scrape(url).catch(() => scrape(url));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #probeAgainAndAgain(): Promise<void> {
    for (let failures = 0; !this.#end.signal.aborted; ) {
      const isReady = await this.#probe();
      if (this.#end.signal.aborted) return;
      this.probes++;
      failures = isReady ? 0 : failures + 1;
      if (!isReady) this.failed++;
      if (failures === failureThreshold) this.unready++;
      await new Promise((resolve) => setTimeout(resolve, periodMs));
    }
  }

  async #probe(): Promise<boolean> {
    try {
      const statuses = await Promise.all(
        ['/healthz', '/-/ready'].map(async (path) => {
          // The kubelet opens a connection for each probe.
          const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
            headers: { connection: 'close' },
            signal: AbortSignal.timeout(timeoutMs),
          });
          await response.text();
          return response.ok;
        }),
      );
      return statuses.every(Boolean);
    } catch {
      return false;
    }
  }
}
