import { Resolver } from 'node:dns/promises';
import { formatHostPort } from '../../base/host-port.ts';

/** The answers for a name's A and AAAA records: addresses, none when the server said that there are none, undefined when it did not answer. */
export interface AddressAnswers {
  A: string[] | undefined;
  AAAA: string[] | undefined;
}

/** Asks for the addresses of a fully qualified name; never rejects. */
export type AddressLookup = (name: string) => Promise<AddressAnswers>;

/**
 * A lookup on the wire, at the nameservers of resolv.conf in their order, as libc does. By c-ares, which Node holds anyway: it asks again
 * over TCP when an answer was truncated, and knows nothing of `/etc/hosts` caches or threads.
 * @param timeoutMs for each try at each server; there are two
 */
export function addressLookup(nameservers: readonly string[], port: number, timeoutMs: number): AddressLookup {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2, maxTimeout: timeoutMs });
  // Without this guard c-ares would keep the servers it read from the machine's own file.
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

/** Tells a server's "there is none" (NXDOMAIN, or no record of the type) from a server that said nothing of use. */
async function answered(query: () => Promise<string[]>): Promise<string[] | undefined> {
  try {
    return await query();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
  }
}
