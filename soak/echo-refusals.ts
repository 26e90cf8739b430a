import { setTimeout as sleep } from 'node:timers/promises';
import { type Agent, metricsOf } from '../test/e2e/agents.ts';

const lookEveryMs = 2000;

/**
 * How many echo requests agents refuse because one address sent too many. Looks again and again: agents may end
 * meanwhile.
 */
export class EchoRefusals {
  readonly #first = new Map<string, number>();
  readonly #last = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #looking: Promise<void>;

  constructor(agents: readonly Agent[]) {
    this.#looking = this.#lookAgainAndAgain(agents);
  }

  /** @returns how many there were since it began */
  async stop(): Promise<number> {
    this.#stopping.abort();
    await this.#looking;
    return [...this.#last].reduce((sum, [uid, count]) => sum + count - this.#first.get(uid)!, 0);
  }

  async #lookAgainAndAgain(agents: readonly Agent[]): Promise<void> {
    const { signal } = this.#stopping;
    do {
      await Promise.all(agents.map((agent) => this.#look(agent)));
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    } while (!signal.aborted);
    await Promise.all(agents.map((agent) => this.#look(agent)));
  }

  async #look(agent: Agent): Promise<void> {
    // One that has ended, or is flooded with connections, may not answer.
    const metrics = await metricsOf(agent).catch(() => undefined);
    if (!metrics) return;
    const count = metrics.sum('net_exporter_echo_dropped_total', { reason: 'address' });
    if (!this.#first.has(agent.uid)) this.#first.set(agent.uid, count);
    this.#last.set(agent.uid, count);
  }
}
