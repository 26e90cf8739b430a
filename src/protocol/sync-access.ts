import { hostPort, json, list, object, readAs, refuse, requireVersion, text } from './document.ts';

/** Version of the document that this code writes and reads. Readers reject all others. */
export const syncAccessVersion = 1;

/** Maximum size of the document, in bytes. */
export const maxSyncAccessBytes = 131_072;

/**
 * How agents reach and authenticate the operator: `sync.json` in the ConfigMap of the agents, so sync needs neither DNS
 * nor the API server.
 */
export interface SyncAccess {
  version: typeof syncAccessVersion;
  /** Addresses of the operator's Service, one per IP family, each as `ip:port` (`[v6]:port`). */
  addresses: string[];
  /** Name in the operator's certificate. */
  serverName: string;
  /** Certificates of the operator's authority in PEM: during a rotation, the old and the new one. */
  ca: string;
}

/**
 * Encodes the document: JSON with a stable order of keys.
 * @throws ProtocolError (`InvalidSyncAccess`) for an invalid document
 */
export function encodeSyncAccess(access: SyncAccess): string {
  return `${JSON.stringify(
    readAs('InvalidSyncAccess', () => read(access)),
    null,
    2,
  )}\n`;
}

/**
 * Parses and validates the document. Ignores unknown fields.
 * @throws ProtocolError (`InvalidSyncAccess`) if it is too large, not JSON, of another version, or a field is missing
 *   or out of bounds
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
