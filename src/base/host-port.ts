import { isIP } from 'node:net';

/** Joins a host and a port: `10.0.0.1:53`, `[fd00::1]:53` (RFC 3986 §3.2.2). */
export function formatHostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A DNS name: labels of letters, digits, hyphens and underscores. If the last label is a number, it would be an
 * address.
 */
const name = /^(?!.*(?:^|\.)\d+\.?$)(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?$/;

/** An IPv4 address or a name, with a port. */
const nameAndPort = /^([\w.-]{1,254}):(\d{1,5})$/;

/**
 * Parses the address of a server: like `parseHostPort`, or `name` or `name:port`.
 * @param defaultPort port if `text` has none; without it, a port is required
 * @returns undefined if `text` is none of these
 */
export function parseServer(text: string, defaultPort?: number): { host: string; port: number } | undefined {
  const address = parseHostPort(text, defaultPort);
  if (address) return address;
  const [, host = text, digits] = nameAndPort.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (!name.test(host) || host.length > 254 || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/**
 * Parses `ip`, `ip:port` or `[ip]:port`.
 * @param defaultPort port if `text` has none; without it, a port is required
 * @returns undefined if `text` is none of these
 */
export function parseHostPort(text: string, defaultPort?: number): { host: string; port: number } | undefined {
  if (isIP(text) !== 0) return defaultPort === undefined ? undefined : { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const [, v6, v4, digits] = match;
  const host = v6 ?? v4!;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (isIP(host) !== (v6 === undefined ? 4 : 6)) return undefined;
  if (port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}
