import { parseHostPort } from '../../base/host-port.ts';
import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { LinkPlan } from '../reports/agent-reports.ts';
import type { Link } from '../reports/link-table.ts';
import type { FleetDnsServers } from './fleet-dns-servers.ts';

/** Name that agents look up if the spec names none; the agent takes the cluster domain from its resolv.conf. */
const defaultHost = /^kubernetes\.default\.svc\.[^ ]+\.$/;

/** Maximum number of Service addresses that an agent may report while the operator does not know them: dual stack. */
const maxServices = 2;

/** How many choices of its own peers an agent may report within the window: one, and the one after agents changed. */
const choices = 2;

/** What the links of one agent are planned from. */
export interface PlannedFrom {
  settings: Settings;
  assignment: Assignment | undefined;
  /** The addresses of the agents' Service, as `ip:port`; undefined while unknown. */
  services: readonly string[] | undefined;
  /** DNS servers of all agents. */
  dnsServers: Pick<FleetDnsServers, 'isCurrent' | 'isRetired'>;
}

/**
 * The links that an agent may report: the targets that it plans from these settings and this assignment, so that it can
 * report nothing about others. Five parts of its targets are unknown to the operator, and the first ones that it
 * reports count: the nameserver in its resolv.conf, the DNS pods of its previous assignment, the cluster domain in the
 * default name, while the NetExporter is paused, the addresses of the agents' Service, and the addresses of the peers
 * that it chose itself while it had no assignment, without their nodes.
 */
export function plannedLinks({ settings, assignment, services, dnsServers }: PlannedFrom): LinkPlan {
  const { dns, network, ntp } = settings;
  const servers = new Set([...dns.servers, ...(assignment?.dnsServers ?? [])]);
  const peers = new Map(assignment?.peers.map((peer) => [peer.address, peer]));
  const isPlannedServer = (server: string) => servers.has(server) || dnsServers.isRetired(server);
  const hasOnlyAddress = (link: Link) => link.probe === 'network' && link.node === '' && link.zone === '';
  const maxAddresses = choices * network.peersPerAgent + (services ? 0 : maxServices);
  // The nameserver in its resolv.conf may be a DNS pod, too.
  const maxOthersServers = 1 + (assignment?.dnsServers.length ?? 0);
  return (known) => {
    const resolvers = new FirstValues(1);
    const othersServers = new FirstValues(maxOthersServers);
    const acceptsServer = (server: string) =>
      (dnsServers.isCurrent(server) ? othersServers : resolvers).accepts(server);
    const hosts = new FirstValues(1);
    const addresses = new FirstValues(maxAddresses);
    for (const link of known) {
      if (link.probe === 'dns' && !isPlannedServer(link.server)) acceptsServer(link.server);
      if (link.probe === 'dns' && defaultHost.test(link.host)) hosts.accepts(link.host);
      if (hasOnlyAddress(link) && !services?.includes(link.host)) addresses.accepts(link.host);
    }
    const isServer = (server: string) =>
      isPlannedServer(server) || (parseHostPort(server) !== undefined && acceptsServer(server));
    const isHost = (name: string) =>
      dns.hosts.length > 0 ? dns.hosts.includes(name) : defaultHost.test(name) && hosts.accepts(name);
    const isAddress = ({ host, protocol }: Link) => {
      if (services?.includes(host)) return protocol === 'TCP';
      const isProbed = includes(network.protocols, protocol) || (!services && protocol === 'TCP');
      const isPossible = host.endsWith(`:${network.peerPort}`) && parseHostPort(host) !== undefined;
      return isProbed && isPossible && addresses.accepts(host);
    };
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
        if (hasOnlyAddress(link)) return isAddress(link);
        const peer = peers.get(host);
        return includes(network.protocols, protocol) && peer?.node === node && peer.zone === zone;
      },
      ntp: ({ host, server, protocol, type, node, zone }) =>
        `${server}${type}${node}${zone}` === '' && ntp.enabled && protocol === 'UDP' && ntp.servers.includes(host),
    };
    return (link) => isPlanned[link.probe](link);
  };
}

/**
 * The links that an agent may report while nobody knows by which spec it probes: all that could be targets. Their
 * number is bounded as for every agent.
 */
export const possibleLinks: LinkPlan = () => (link) => isPossible[link.probe](link);

const isPossible: Record<Link['probe'], (link: Link) => boolean> = {
  dns: ({ host, server, type, node, zone }) =>
    host !== '' && type !== '' && `${node}${zone}` === '' && parseHostPort(server) !== undefined,
  network: ({ host, server, type }) => `${server}${type}` === '' && parseHostPort(host) !== undefined,
  ntp: ({ host, server, protocol, type, node, zone }) =>
    host !== '' && protocol === 'UDP' && `${server}${type}${node}${zone}` === '',
};

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
