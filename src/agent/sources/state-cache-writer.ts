import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Log } from '../log.ts';
import type { CachedPeers, StateCache } from './state-cache.ts';

/**
 * Keeps the agent's own copy of what is in effect. A copy that cannot be written is a worse restart some day, and nothing more today: that is
 * written to the log, once until it can be.
 */
export class StateCacheWriter {
  readonly #copy: StateCache;
  readonly #log: Log;
  #fails = false;

  constructor(copy: StateCache, log: Log) {
    this.#copy = copy;
    this.#log = log;
  }

  /** @param former uids of NetExporters that were given up */
  settings(settings: Settings, former: readonly string[]): void {
    this.#write((copy) => {
      // First, so that whoever reads these settings knows which ones they have replaced.
      copy.writeFormer(former);
      copy.writeSettings(settings);
    });
  }

  assignment(assignment: Assignment): void {
    this.#write((copy) => copy.writeAssignment(assignment));
  }

  peers(peers: CachedPeers): void {
    this.#write((copy) => copy.writePeers(peers));
  }

  #write(write: (copy: StateCache) => void): void {
    try {
      write(this.#copy);
      this.#fails = false;
    } catch (error) {
      if (!this.#fails) this.#log('warn', 'cannot write the state cache', { reason: (error as Error).message });
      this.#fails = true;
    }
  }
}
