import { isIP } from 'node:net';

export interface AllowedHosts {
  /** Name and namespace of the operator's Service. */
  service: string;
  namespace: string;
  /** Domain of the cluster, such as `cluster.local`; undefined if it is not known. */
  clusterDomain: string | undefined;
  /** More names, from PAGE_HOSTS. */
  others: readonly string[];
}

/**
 * By which Host a request may come: an address, localhost, a name of the Service, or one that the administrator has
 * allowed. A page on the internet whose name resolves to an address here (DNS rebinding) has none of these.
 */
export class HostRule {
  readonly #names: ReadonlySet<string>;

  constructor({ service, namespace, clusterDomain, others }: AllowedHosts) {
    const inNamespace = `${service}.${namespace}`;
    this.#names = new Set([
      ...['localhost', service, inNamespace, `${inNamespace}.svc`],
      ...(clusterDomain === undefined ? [] : [`${inNamespace}.svc.${clusterDomain}`]),
      ...others.map((name) => name.toLowerCase()),
    ]);
  }

  /** @param host header of the request */
  allows(host: string | undefined): boolean {
    const name = nameIn(host);
    return name !== undefined && (isIP(name) !== 0 || this.#names.has(name));
  }
}

/** The name in a Host header (RFC 9110 §7.2), without the port, in lower case; undefined if it has none. */
export function nameIn(host: string | undefined): string | undefined {
  const [, v6, name] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d*)?$/i.exec(host ?? '') ?? [];
  return (v6 ?? name)?.toLowerCase().replace(/\.$/, '');
}
