import { isIP } from 'node:net';
import { parseHostPort } from '../base/host-port.ts';

/** Kind of the invalid document. docs/errors.md says what to do about each. */
export const protocolErrorCodes = [
  'InvalidSettings',
  'InvalidAssignment',
  'InvalidReport',
  'InvalidSync',
  'InvalidSyncAccess',
] as const;

export type ProtocolErrorCode = (typeof protocolErrorCodes)[number];

/** An invalid document; `message` names the field and its valid values. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  override readonly name = 'ProtocolError';

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Error of the validators below, which do not know which document they are part of. */
class FieldError extends Error {}

/**
 * Reads a document with the validators of this file.
 * @throws ProtocolError with this code if one of them fails
 */
export function readAs<T>(code: ProtocolErrorCode, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FieldError) throw new ProtocolError(code, error.message);
    throw error;
  }
}

/** Reads a part of a document with the reader of a whole document: prefixes field names with `path`. */
export function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FieldError || error instanceof ProtocolError)) throw error;
    const itself = /^the document\b/;
    throw new FieldError(itself.test(error.message) ? error.message.replace(itself, path) : `${path}.${error.message}`);
  }
}

/** Rejects a document for a reason that the validators below do not cover. */
export function refuse(message: string): never {
  throw new FieldError(message);
}

/** @returns the value of a JSON text of at most `maxBytes` */
export function json(text: string, maxBytes: number): unknown {
  if (Buffer.byteLength(text) > maxBytes) refuse(`the document is larger than ${maxBytes} bytes`);
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse(`the document is not valid JSON: ${(error as Error).message}`);
  }
}

/** Rejects every version but its own, because a reader cannot know what the others mean. */
export function requireVersion(value: unknown, known: number): void {
  if (value !== known) refuse(`version must be ${known}, got ${shown(value)}`);
}

export function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${path} must be an object`);
  return value as Record<string, unknown>;
}

export function text(value: unknown, path: string, maxLength: number, minLength = 1): string {
  if (typeof value !== 'string' || value.length < minLength || value.length > maxLength)
    refuse(`${path} must be a string of ${minLength} to ${maxLength} characters`);
  return value as string;
}

export function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') refuse(`${path} must be true or false`);
  return value as boolean;
}

export function integer(value: unknown, path: string, minimum: number, maximum: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum)
    refuse(`${path} must be a whole number from ${minimum} to ${maximum}, got ${shown(value)}`);
  return value as number;
}

/** @param item reads one item. It is called again, with the path of the item, if it fails */
export function list<T>(
  value: unknown,
  path: string,
  maxItems: number,
  item: (value: unknown, path: string) => T,
): T[] {
  if (!Array.isArray(value) || value.length > maxItems) refuse(`${path} must be a list of at most ${maxItems} items`);
  return (value as unknown[]).map((entry, index) => {
    try {
      return item(entry, path);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      // Formatting a path for each item would dominate the cost, so it is done only for the failing item.
      return item(entry, `${path}[${index}]`);
    }
  });
}

export function oneOf<const T extends string>(allowed: readonly T[]) {
  return (value: unknown, path: string): T => {
    const found = allowed.find((item) => item === value);
    return found ?? refuse(`${path} must be one of ${allowed.join(', ')}, got ${shown(value)}`);
  };
}

/** An IP address with a port: `ip:port` or `[v6]:port`. */
export function hostPort(value: unknown, path: string): string {
  const given = text(value, path, 64);
  const parsed = parseHostPort(given);
  if (!parsed || isIP(parsed.host) === 0) refuse(`${path} must be ip:port, got "${given}"`);
  return given;
}

/** Formats a value for an error message. Bounded, because it comes from outside and has any size and depth. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string' && value.length > 64) return `${JSON.stringify(value.slice(0, 64))}…`;
  return JSON.stringify(value) ?? 'nothing';
}
