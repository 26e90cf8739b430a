import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ConnectionFlood, EchoFlood } from '../bench/flooding.ts';
import type { HostileAnswers } from '../bench/hostile-agent.ts';
import type { OperatorAccess } from '../bench/simulated-agent.ts';

/** What a pod does to others. */
export type PodFlood =
  /** The name is what its connections are counted by. */
  | ({ kind: 'connections'; name: string } & ConnectionFlood)
  | ({ kind: 'echo' } & EchoFlood)
  /** As an agent, with its token. */
  | { kind: 'reports'; access: OperatorAccess; token: string };

/** What floods have come to. */
export interface PodFloodCounts {
  /** Those that were accepted, by name of the flood. */
  connections: Record<string, number>;
  /** Those that were sent. */
  packets: number;
  /** How reports were answered. */
  answers: HostileAnswers;
}

/** Floods that come from a pod's address: a process of this machine in the pod's network namespace. */
export class HostilePod {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** @param pid of a process of the pod, as numbered on this machine */
  static async start(pid: number, floods: readonly PodFlood[]): Promise<HostilePod> {
    const program = join(import.meta.dirname, 'hostile-pod-program.ts');
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, program], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'spawn');
    child.send(floods);
    return new HostilePod(child);
  }

  /** Ends the floods. @throws Error when they have ended before */
  async stop(): Promise<PodFloodCounts> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null)
      throw new Error(`the floods of a pod ended by themselves: ${this.#process.signalCode ?? this.#process.exitCode}`);
    const counted = once(this.#process, 'message') as Promise<[PodFloodCounts]>;
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
