import { parseHostPort } from '../../base/host-port.ts';
import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { LinkPlan } from '../reports/agent-reports.ts';
import type { Link } from '../reports/link-table.ts';

/** Name that agents look up if the spec names none; the agent takes the cluster domain from its resolv.conf. */
const defaultHost = /^kubernetes\.default\.svc\.[^ ]+\.$/;

/** Maximum number of Service addresses that an agent may report while the operator does not know them: dual stack. */
const maxServices = 2;

/**
 * The links that an agent may report: the targets that it plans from these settings and this assignment, so that it can
 * report nothing about others. Three parts of its targets are unknown to the operator, and the first ones that it
 * reports count: the nameserver in its resolv.conf, the cluster domain in the default name, and, while the NetExporter
 * is paused, the addresses of the agents' Service.
 * @param services the addresses of the agents' Service, as `ip:port`; undefined while unknown
 */
export function plannedLinks(
  { dns, network, ntp }: Settings,
  assignment: Assignment | undefined,
  services: readonly string[] | undefined,
): LinkPlan {
  const servers = new Set([...dns.servers, ...(assignment?.dnsServers ?? [])]);
  const peers = new Map(assignment?.peers.map((peer) => [peer.address, peer]));
  const isService = (link: Link) => link.probe === 'network' && link.node === '' && link.zone === '';
  return (known) => {
    const resolvers = new FirstValues(1);
    const hosts = new FirstValues(1);
    const addresses = new FirstValues(services ? 0 : maxServices);
    for (const link of known) {
      if (link.probe === 'dns' && !servers.has(link.server)) resolvers.accepts(link.server);
      if (link.probe === 'dns' && defaultHost.test(link.host)) hosts.accepts(link.host);
      if (isService(link)) addresses.accepts(link.host);
    }
    const isServer = (server: string) =>
      servers.has(server) || (parseHostPort(server) !== undefined && resolvers.accepts(server));
    const isHost = (name: string) =>
      dns.hosts.length > 0 ? dns.hosts.includes(name) : defaultHost.test(name) && hosts.accepts(name);
    const isServiceAddress = (address: string) =>
      services?.includes(address) ?? (address.endsWith(`:${network.peerPort}`) && addresses.accepts(address));
    const isPlanned: Record<Link['probe'], (link: Link) => boolean> = {
      dns: ({ host, server, protocol, type, node, zone }) =>
        `${node}${zone}` === '' &&
        dns.enabled &&
        includes(dns.protocols, protocol) &&
        includes(dns.recordTypes, type) &&
        isHost(host) &&
        isServer(server),
      network: (link) => {
        const { host, server, protocol, type, node, zone } = link;
        if (`${server}${type}` !== '' || !network.enabled) return false;
        if (isService(link)) return protocol === 'TCP' && isServiceAddress(host);
        const peer = peers.get(host);
        return includes(network.protocols, protocol) && peer?.node === node && peer.zone === zone;
      },
      ntp: ({ host, server, protocol, type, node, zone }) =>
        `${server}${type}${node}${zone}` === '' && ntp.enabled && protocol === 'UDP' && ntp.servers.includes(host),
    };
    return (link) => isPlanned[link.probe](link);
  };
}

/** Accepts a number of values, those that come first. */
class FirstValues {
  readonly #max: number;
  readonly #values = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  accepts(value: string): boolean {
    if (this.#values.size < this.#max) this.#values.add(value);
    return this.#values.has(value);
  }
}

function includes(values: readonly string[], value: string): boolean {
  return values.includes(value);
}
