import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HostileAnswers } from './hostile-agent.ts';
import type { OperatorAccess } from './simulated-agent.ts';

/** What is flooded, and with what. */
export interface FloodTargets {
  /** Ports of this machine. */
  operatorHttp: number;
  operatorSync: number;
  agent: number;
  /** The hostile agent. */
  access: OperatorAccess;
  token: string;
}

/** What the floods have come to. */
export interface FloodCounts {
  /** Those that were accepted, by name of the flood. */
  connections: Record<string, number>;
  packets: number;
  hostileAnswers: HostileAnswers;
}

/** Floods of every listener, in a process of their own. */
export class Floods {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  static async start(targets: FloodTargets): Promise<Floods> {
    const child = fork(join(import.meta.dirname, 'floods-program.ts'), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'spawn');
    child.send(targets);
    return new Floods(child);
  }

  /** Ends the floods. @returns what they have come to */
  async stop(): Promise<FloodCounts> {
    const counted = once(this.#process, 'message') as Promise<[FloodCounts]>;
    const ended = once(this.#process, 'exit');
    this.#process.send('stop');
    const [counts] = await counted;
    await ended;
    return counts;
  }

  /** Ends them, whatever state they are in. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
