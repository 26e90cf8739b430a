/** Options of a stub resolver (resolv.conf(5)) that affect which names it queries. */
export interface ResolverOptions {
  search: string[];
  ndots: number;
}

/** A name that cannot be queried: a label is empty or too long, or the whole name is (RFC 1035 §2.3.4). */
export class DnsNameError extends Error {
  override readonly name = 'DnsNameError';
  readonly code = 'InvalidDnsName';
}

/**
 * Returns the names to query in order until one has an answer, without a final dot (the root is the empty string). A
 * name with a final dot is queried as it is. Others are combined with the search list, and are also queried as they
 * are: first if they have at least `ndots` dots, otherwise last (resolv.conf(5)). Combinations that are too long are
 * left out.
 * @throws DnsNameError if none is left
 */
export function candidateNames(name: string, { search, ndots }: ResolverOptions): string[] {
  const candidates = name.endsWith('.') ? [name.slice(0, -1)] : completed(name, search, ndots);
  const names = [...new Set(candidates)].filter(
    (candidate) => (candidate === '' && name === '.') || isAskable(candidate),
  );
  if (names.length === 0)
    throw new DnsNameError(`"${name}" is not a valid DNS name: a label must have 1 to 63 bytes, the name at most 253`);
  return names;
}

function completed(name: string, search: string[], ndots: number): string[] {
  const searched = search.map((domain) => (domain === '.' ? name : `${name}.${domain}`));
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** Labels have 1 to 63 bytes; the name has at most 255, counting a length byte per label and the root. */
function isAskable(name: string): boolean {
  const lengths = name.split('.').map((label) => Buffer.byteLength(label));
  return lengths.every((length) => length >= 1 && length <= 63) && Buffer.byteLength(name) + 2 <= 255;
}
