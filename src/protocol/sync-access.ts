import { hostPort, json, list, object, readAs, refuse, requireVersion, text } from './document.ts';

/** The version of the document that this code writes and reads. A reader refuses any other. */
export const syncAccessVersion = 1;

/** The largest such document that is read, in bytes. */
export const maxSyncAccessBytes = 131_072;

/** How an agent finds the operator and knows it: `sync.json` in the agents' ConfigMap, so that sync needs neither DNS nor the API server. */
export interface SyncAccess {
  version: typeof syncAccessVersion;
  /** Of the operator's Service, one for each IP family, each as `ip:port` (`[v6]:port`). */
  addresses: string[];
  /** The name in the operator's certificate. */
  serverName: string;
  /** The certificates of the operator's authority as PEM: while it is renewed, the old and the new one. */
  ca: string;
}

/**
 * Writes the document: JSON with a stable order of keys.
 * @throws ProtocolError (`InvalidSyncAccess`) for one that no reader would take
 */
export function encodeSyncAccess(access: SyncAccess): string {
  return `${JSON.stringify(
    readAs('InvalidSyncAccess', () => read(access)),
    null,
    2,
  )}\n`;
}

/**
 * Reads and checks the document. Fields it does not know are ignored.
 * @throws ProtocolError (`InvalidSyncAccess`) when it is too large, not JSON, of another version, or a field is missing or out of bounds
 */
export function parseSyncAccess(text: string): SyncAccess {
  return readAs('InvalidSyncAccess', () => read(json(text, maxSyncAccessBytes)));
}

function read(value: unknown): SyncAccess {
  const document = object(value, 'the document');
  requireVersion(document.version, syncAccessVersion);
  return {
    version: syncAccessVersion,
    addresses: addresses(document.addresses),
    serverName: text(document.serverName, 'serverName', 253),
    ca: certificates(document.ca),
  };
}

function addresses(value: unknown): string[] {
  const found = list(value, 'addresses', 2, hostPort);
  if (found.length === 0) refuse('addresses must have at least one item');
  return found;
}

function certificates(value: unknown): string {
  const found = text(value, 'ca', 65_536);
  if (!found.includes('-----BEGIN CERTIFICATE-----')) refuse('ca must be one or more PEM certificates');
  return found;
}
