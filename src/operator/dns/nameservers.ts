import { isIP } from 'node:net';

/**
 * The addresses of the resolvers of this process, in order; in a pod of the cluster they are those that agents have, too.
 * @param resolvConf the text of resolv.conf(5)
 */
export function nameserversOf(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^nameserver[ \t]+(\S+)/gm)]
    .map(([, address = '']) => address)
    .filter((address) => isIP(address) !== 0 && !address.includes('%'));
}
