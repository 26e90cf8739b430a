import { Resolver } from 'node:dns/promises';
import { formatHostPort } from '../../base/host-port.ts';

/** Addresses by record type: empty if the server said that there are none, undefined if it did not answer. */
export interface AddressAnswers {
  A: string[] | undefined;
  AAAA: string[] | undefined;
}

/** Looks up the addresses of a fully qualified name. Never rejects. */
export type AddressLookup = (name: string) => Promise<AddressAnswers>;

/**
 * Creates a lookup that queries the nameservers of resolv.conf in order, like libc. Uses c-ares, which is part of Node:
 * it retries over TCP if an answer is truncated, and uses neither `/etc/hosts` nor threads.
 * @param timeoutMs of each of the two tries at each server
 */
export function addressLookup(nameservers: readonly string[], port: number, timeoutMs: number): AddressLookup {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2, maxTimeout: timeoutMs });
  // Without this check, c-ares would use the servers in /etc/resolv.conf.
  if (nameservers.length === 0) return async () => ({ A: undefined, AAAA: undefined });
  resolver.setServers(nameservers.map((host) => formatHostPort(host, port)));
  return async (name) => {
    const [A, AAAA] = await Promise.all([
      answered(() => resolver.resolve4(name)),
      answered(() => resolver.resolve6(name)),
    ]);
    return { A, AAAA };
  };
}

/** Distinguishes "no such records" (NXDOMAIN or NODATA) from a failed lookup. */
async function answered(query: () => Promise<string[]>): Promise<string[] | undefined> {
  try {
    return await query();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
  }
}
