import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { waitFor } from '../test/cluster/wait.ts';
import { type ProcessUsage, readProcessUsage } from './process-usage.ts';
import type { OperatorAccess, Traffic } from './simulated-agent.ts';

/** An agent to be: its name and its pod's token. */
export interface AgentToBe {
  name: string;
  token: string;
}

export type AgentsRequest =
  | { kind: 'add'; agents: readonly AgentToBe[]; access: OperatorAccess }
  | { kind: 'remove'; name: string }
  /** A name that does not exist from now on; undefined: all do. */
  | { kind: 'fail'; host: string | undefined }
  /** @param generation of the settings of which `holdingSince` is to tell */
  | { kind: 'look'; generation: number };

/** What all agents together have come to. Times are milliseconds since the epoch. */
export interface AgentsAnswer {
  agents: number;
  traffic: Traffic;
  /** Of each agent that holds settings and an assignment, since when the operator is told so. */
  configuredAt: number[];
  /** Of each agent that holds settings of that generation or a later one, since when the operator is told so. */
  holdingSince: number[];
  /** Why an exchange came to nothing, if any did. */
  failure: string | undefined;
}

/** How often it is looked whether something has come about: seldom, since every look costs the agents' process time. */
const lookMs = 250;

/** Agents in a process of their own, so that what they use is told apart from what the operator uses. */
export class SimulatedAgents {
  readonly #process: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<number, PromiseWithResolvers<AgentsAnswer>>();
  #requests = 0;

  private constructor(child: ChildProcess, signal: AbortSignal) {
    this.#process = child;
    this.#signal = signal;
    child.on('message', ({ id, answer }: { id: number; answer: AgentsAnswer }) => {
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
    });
    child.on('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the agents' process ended: ${code}`));
    });
  }

  /** Starts the process, without an agent yet. */
  static async start(signal: AbortSignal): Promise<SimulatedAgents> {
    const child = fork(join(import.meta.dirname, 'simulated-agents-program.ts'), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'spawn');
    return new SimulatedAgents(child, signal);
  }

  async add(agents: readonly AgentToBe[], access: OperatorAccess): Promise<void> {
    await this.#ask({ kind: 'add', agents, access });
  }

  async remove(name: string): Promise<void> {
    await this.#ask({ kind: 'remove', name });
  }

  /** From now on this name does not exist; undefined: all do. */
  async fail(host: string | undefined): Promise<void> {
    await this.#ask({ kind: 'fail', host });
  }

  /** @param generation of the settings of which `holdingSince` is to tell */
  look(generation = 0): Promise<AgentsAnswer> {
    return this.#ask({ kind: 'look', generation });
  }

  /** Waits until something has come about. @returns what there was to see then */
  async until(
    what: string,
    holds: (seen: AgentsAnswer) => boolean,
    { generation = 0, timeout }: { generation?: number; timeout: number },
  ): Promise<AgentsAnswer> {
    let seen = await this.look(generation);
    const look = async () => {
      seen = await this.look(generation);
      return holds(seen);
    };
    const waiting = { timeout, interval: lookMs, signal: this.#signal };
    return waitFor(what, look, waiting).then(
      () => seen,
      (cause) => {
        const { agents, configuredAt, holdingSince, failure } = seen;
        const state = `${agents} agents, ${configuredAt.length} configured, ${holdingSince.length} hold generation ${generation}`;
        throw new Error(`${what}: ${state}, the last failure: ${failure ?? 'none'}`, { cause });
      },
    );
  }

  usage(): ProcessUsage {
    return readProcessUsage(this.#process.pid!);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }

  #ask(request: AgentsRequest): Promise<AgentsAnswer> {
    const id = ++this.#requests;
    const answer = Promise.withResolvers<AgentsAnswer>();
    this.#waiting.set(id, answer);
    this.#process.send({ id, request }, (error) => error && answer.reject(error));
    return answer.promise;
  }
}
