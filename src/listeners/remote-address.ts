/** Prefix of IPv4 addresses on a socket of both families (RFC 4291 §2.5.5.2). */
const mappedPrefix = '::ffff:';

/**
 * The address that limits are counted by.
 * @param address undefined: the client has disconnected already
 */
export function limitedAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
}
