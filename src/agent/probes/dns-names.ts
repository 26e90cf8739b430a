/** How a stub resolver completes names: the parts of resolv.conf(5) that matter to it. */
export interface ResolverOptions {
  search: string[];
  ndots: number;
}

/** A name that cannot be asked for: an empty label, or one or all of it too long (RFC 1035 §2.3.4). */
export class DnsNameError extends Error {
  override readonly name = 'DnsNameError';
  readonly code = 'InvalidDnsName';
}

/**
 * The names to ask for in turn until one has an answer, without a final dot (the root is the empty string). A name that ends in a dot is
 * asked as it is; any other is tried with the search list, and as it is before that when it has `ndots` dots or more, else after it
 * (resolv.conf(5)). Combinations that are too long are left out.
 * @throws DnsNameError when nothing is left
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

/** Labels of 1 to 63 octets, at most 255 octets with a length before each label and the root behind them. */
function isAskable(name: string): boolean {
  const lengths = name.split('.').map((label) => Buffer.byteLength(label));
  return lengths.every((length) => length >= 1 && length <= 63) && Buffer.byteLength(name) + 2 <= 255;
}
