import { isIP } from 'node:net';

/** A parsed resolv.conf(5). */
export interface ResolvConf {
  /** Addresses, in the order in which they are queried. Empty if the file has none. */
  nameservers: string[];
  /** Search domains in order, without the final dot (the root is `.`). */
  search: string[];
  /** Names with at least this many dots are first queried as they are. */
  ndots: number;
}

const maxNameservers = 3;
const maxSearchDomains = 32;
const maxNdots = 15;

/**
 * Parses a resolv.conf. Never fails: like libc, it ignores what it does not understand. The last of several `search`
 * and `domain` lines applies. The limits are those of libc (three nameservers, ndots at most 15) and Kubernetes (32
 * search domains).
 */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    switch (keyword) {
      case 'nameserver':
        if (isIP(values[0] ?? '') !== 0) nameservers.push(values[0]!);
        break;
      case 'domain':
        search = domains(values.slice(0, 1));
        break;
      case 'search':
        search = domains(values);
        break;
      case 'options':
        for (const option of values) {
          const digits = /^ndots:(\d+)$/.exec(option)?.[1];
          if (digits !== undefined) ndots = Math.min(Number(digits), maxNdots);
        }
        break;
    }
  }
  return { nameservers: nameservers.slice(0, maxNameservers), search: search.slice(0, maxSearchDomains), ndots };
}

/**
 * Finds the cluster domain (`cluster.local`) in the search list, to which the kubelet adds `<namespace>.svc.<domain>`
 * and `svc.<domain>`.
 * @returns undefined if the list does not contain them, for example in a pod with `dnsPolicy: Default`
 */
export function clusterDomain({ search }: Pick<ResolvConf, 'search'>): string | undefined {
  const found = search.flatMap((entry) => /^svc\.(.+)$/.exec(entry)?.[1] ?? []);
  found.push(...search.flatMap((entry) => /^[^.]+\.svc\.(.+)$/.exec(entry)?.[1] ?? []));
  // The shortest: in a namespace named `svc` the first pattern also finds `svc.<domain>`.
  return found.sort((a, b) => a.length - b.length)[0];
}

function domains(values: string[]): string[] {
  return values.map((value) => (value === '.' ? value : value.replace(/\.$/, ''))).filter((value) => value !== '');
}
