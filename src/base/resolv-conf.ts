import { isIP } from 'node:net';

/** What the stub resolver's configuration says, as resolv.conf(5) describes it. */
export interface ResolvConf {
  /** Addresses, in the order they are to be asked. Empty where the file names none. */
  nameservers: string[];
  /** Domains to try behind a name, in order, without the final dot (the root is `.`). */
  search: string[];
  /** A name with at least so many dots in it is tried as it is first. */
  ndots: number;
}

const maxNameservers = 3;
const maxSearchDomains = 32;
const maxNdots = 15;

/**
 * Reads a resolv.conf. Never fails: like the C library's, it passes over what it does not understand. Of several `search` and
 * `domain` lines the last one counts; the limits are the C library's (three nameservers, ndots at most 15) and Kubernetes'
 * (32 search domains).
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
 * The cluster's own domain (`cluster.local`), which the kubelet leaves in a pod's search list as `<namespace>.svc.<domain>` and
 * `svc.<domain>`.
 * @returns undefined where the list shows none, as in a pod with `dnsPolicy: Default`
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
