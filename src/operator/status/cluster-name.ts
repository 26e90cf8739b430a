import { clusterNamePattern } from '../../contract/cluster-names.ts';

const clusterName = new RegExp(`^(?:${clusterNamePattern})$`);

/**
 * Whether a name is one of the cluster's own.
 * @param host as in `spec.dns.hosts`
 */
export function isClusterName(host: string): boolean {
  return clusterName.test(host);
}
