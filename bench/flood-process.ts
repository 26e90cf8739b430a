import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ConnectionFlood, EchoFlood } from './flooding.ts';
import type { HostileAnswers } from './hostile-agent.ts';
import type { OperatorAccess } from './simulated-agent.ts';

export type Flood =
  /** The name is what its connections are counted by. */
  | ({ kind: 'connections'; name: string } & ConnectionFlood)
  | ({ kind: 'echo' } & EchoFlood)
  /** Of an agent, with its token. @see HostileOptions.pauseMs */
  | { kind: 'reports'; access: OperatorAccess; token: string; pauseMs: number };

/** What floods have come to. */
export interface FloodCounts {
  /** Those that were accepted, by name of the flood. */
  connections: Record<string, number>;
  /** Those that were sent. */
  packets: number;
  /** How reports were answered. */
  answers: HostileAnswers;
}

/** Floods by a process of this machine. */
export class FloodProcess {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** @param pid of a process in whose network namespace the floods begin: this one's unless told */
  static async start(floods: readonly Flood[], pid: number | 'self' = 'self'): Promise<FloodProcess> {
    const program = join(import.meta.dirname, 'flood-process-program.ts');
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, program], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'spawn');
    child.send(floods);
    return new FloodProcess(child);
  }

  /** Ends the floods. @throws Error when they have ended before */
  async stop(): Promise<FloodCounts> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null)
      throw new Error(`the floods ended by themselves: ${this.#process.signalCode ?? this.#process.exitCode}`);
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
