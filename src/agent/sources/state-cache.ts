import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type Assignment, encodeAssignment, parseAssignment } from '../../protocol/assignment.ts';
import { encodeSettings, parseSettings, type Settings } from '../../protocol/settings.ts';

/** Last known addresses of a headless Service. */
export interface CachedPeers {
  /** Name of the Service, as in the settings. */
  service: string;
  addresses: string[];
}

/** Upper limit: a longer list was not written by an agent. */
const maxAddresses = 100_000;

/**
 * Caches settings, assignment and peers for restarts while the operator, the API server or DNS is unavailable. Each
 * part is a file that is replaced by a rename, so readers see the old or the new content. Files are not synced to disk,
 * because the volume is deleted with the pod.
 * The operator's digest of the settings is not saved: a newer process may understand fields that the writer dropped, so
 * it must not claim to hold the operator's exact settings.
 */
export class StateCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @returns undefined if the file is missing or invalid */
  readSettings(): Settings | undefined {
    return this.#read('settings.json', parseSettings);
  }

  /** @throws the error of the file system */
  writeSettings(settings: Settings): void {
    this.#write('settings.json', encodeSettings(settings));
  }

  /** @returns undefined if the file is missing or invalid */
  readAssignment(): Assignment | undefined {
    return this.#read('assignment.json', parseAssignment);
  }

  /** @throws the error of the file system */
  writeAssignment(assignment: Assignment): void {
    this.#write('assignment.json', encodeAssignment(assignment));
  }

  /**
   * @returns the uids of abandoned NetExporters; none if the file is missing (older versions do not write it) or
   *   invalid
   */
  readFormer(): readonly string[] {
    const decode = (text: string) => {
      const value: unknown = JSON.parse(text);
      return isFormer(value) ? value : undefined;
    };
    return this.#read('former.json', decode) ?? [];
  }

  /** @throws the error of the file system */
  writeFormer(uids: readonly string[]): void {
    this.#write('former.json', JSON.stringify(uids));
  }

  /** @returns undefined if the file is missing or invalid */
  readPeers(): CachedPeers | undefined {
    return this.#read('peers.json', (text) => {
      const value: unknown = JSON.parse(text);
      return isCachedPeers(value) ? { service: value.service, addresses: value.addresses } : undefined;
    });
  }

  /** @throws the error of the file system */
  writePeers(peers: CachedPeers): void {
    this.#write('peers.json', JSON.stringify(peers));
  }

  #read<T>(file: string, decode: (text: string) => T | undefined): T | undefined {
    try {
      return decode(readFileSync(join(this.#directory, file), 'utf8'));
    } catch {
      // A missing or invalid file, or one of another version, is ignored: the agent continues with its other sources.
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
