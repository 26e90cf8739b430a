import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type Assignment, encodeAssignment, parseAssignment } from '../../protocol/assignment.ts';
import { encodeSettings, parseSettings, type Settings } from '../../protocol/settings.ts';

/** Addresses that a headless Service was last seen to list. */
export interface CachedPeers {
  /** The Service, as settings name it. */
  service: string;
  addresses: string[];
}

/** More addresses than a Service of agents can have; a longer list is not one of ours. */
const maxAddresses = 100_000;

/**
 * The agent's own copy of what it knows, for a restart while the operator, the API server or DNS is away. Each part is a file that is replaced
 * as a whole by a rename, so that a reader finds the old or the new one. It is not synced to disk: it lives in a volume that goes with the pod.
 * What the operator calls the settings is not kept: a copy has no more of them than the process that wrote it knew, so whoever reads it must not
 * say that it has all of them.
 */
export class StateCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @returns undefined when there are none or they cannot be used */
  readSettings(): Settings | undefined {
    return this.#read('settings.json', parseSettings);
  }

  /** @throws the file system's error */
  writeSettings(settings: Settings): void {
    this.#write('settings.json', encodeSettings(settings));
  }

  /** @returns undefined when there is none or it cannot be used */
  readAssignment(): Assignment | undefined {
    return this.#read('assignment.json', parseAssignment);
  }

  /** @throws the file system's error */
  writeAssignment(assignment: Assignment): void {
    this.#write('assignment.json', encodeAssignment(assignment));
  }

  /** @returns the uids of NetExporters that were given up; none when they cannot be used, or from a version that did not write them */
  readFormer(): readonly string[] {
    const decode = (text: string) => {
      const value: unknown = JSON.parse(text);
      return isFormer(value) ? value : undefined;
    };
    return this.#read('former.json', decode) ?? [];
  }

  /** @throws the file system's error */
  writeFormer(uids: readonly string[]): void {
    this.#write('former.json', JSON.stringify(uids));
  }

  /** @returns undefined when there are none or they cannot be used */
  readPeers(): CachedPeers | undefined {
    return this.#read('peers.json', (text) => {
      const value: unknown = JSON.parse(text);
      return isCachedPeers(value) ? { service: value.service, addresses: value.addresses } : undefined;
    });
  }

  /** @throws the file system's error */
  writePeers(peers: CachedPeers): void {
    this.#write('peers.json', JSON.stringify(peers));
  }

  #read<T>(file: string, decode: (text: string) => T | undefined): T | undefined {
    try {
      return decode(readFileSync(join(this.#directory, file), 'utf8'));
    } catch {
      // A copy that is missing, torn or from another version is no copy: the agent goes on with its other sources.
      return undefined;
    }
  }

  #write(file: string, text: string): void {
    mkdirSync(this.#directory, { recursive: true });
    const path = join(this.#directory, file);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}

function isFormer(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((uid) => typeof uid === 'string');
}

function isCachedPeers(value: unknown): value is CachedPeers {
  if (typeof value !== 'object' || value === null) return false;
  const { service, addresses } = value as Record<string, unknown>;
  return (
    typeof service === 'string' &&
    Array.isArray(addresses) &&
    addresses.length <= maxAddresses &&
    addresses.every((address) => typeof address === 'string' && isIP(address) !== 0)
  );
}
