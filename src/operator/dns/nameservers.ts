import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { clusterDomain, parseResolvConf } from '../../base/resolv-conf.ts';

/** The domain of the cluster, such as `cluster.local`; undefined if the resolver configuration does not have it. */
export function readClusterDomain(path: string): string | undefined {
  try {
    return clusterDomain(parseResolvConf(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * The addresses of this process's nameservers, in order; in a pod of the cluster they are those of agents, too.
 * Link-local ones with a zone (`fe80::1%eth0`) are left out: no Service and no network policy can have them.
 * @param path of a resolv.conf(5); without a file that can be read there are none
 */
export function readNameservers(path: string, log: Logger): string[] {
  try {
    return parseResolvConf(readFileSync(path, 'utf8')).nameservers.filter((address) => !address.includes('%'));
  } catch (error) {
    log.warn({ err: error, path }, 'cannot read the resolver configuration, continuing without nameservers');
    return [];
  }
}
