import { isIP } from 'node:net';

/** The family of an IP address. @throws RangeError for anything else: a name would be resolved in the measured time */
export function familyOf(host: string): 4 | 6 {
  const family = isIP(host);
  if (family !== 4 && family !== 6) throw new RangeError(`"${host}" is not an IP address`);
  return family;
}
