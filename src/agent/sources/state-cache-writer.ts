import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Log } from '../log.ts';
import type { CachedPeers, StateCache } from './state-cache.ts';

/**
 * Writes the settings, assignment and peers in effect to the state cache. A failure matters only for a later restart,
 * so it is logged once until a write succeeds again.
 */
export class StateCacheWriter {
  readonly #cache: StateCache;
  readonly #log: Log;
  #fails = false;

  constructor(cache: StateCache, log: Log) {
    this.#cache = cache;
    this.#log = log;
  }

  /** @param former uids of abandoned NetExporters */
  settings(settings: Settings, former: readonly string[]): void {
    this.#write((cache) => {
      // First, so a reader of the settings knows which ones they replaced.
      cache.writeFormer(former);
      cache.writeSettings(settings);
    });
  }

  assignment(assignment: Assignment): void {
    this.#write((cache) => cache.writeAssignment(assignment));
  }

  peers(peers: CachedPeers): void {
    this.#write((cache) => cache.writePeers(peers));
  }

  #write(write: (cache: StateCache) => void): void {
    try {
      write(this.#cache);
      this.#fails = false;
    } catch (error) {
      if (!this.#fails) this.#log('warn', 'cannot write the state cache', { reason: (error as Error).message });
      this.#fails = true;
    }
  }
}
