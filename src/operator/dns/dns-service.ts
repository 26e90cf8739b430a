import { formatHostPort } from '../../base/host-port.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { dnsPodState, type EndpointFacts, type TargetState, targetStates } from '../plan/target-states.ts';

/** One DNS pod as an EndpointSlice lists it. */
export interface DnsEndpoint extends EndpointFacts {
  /** The uid of the pod, or the address where the endpoint is none. */
  pod: string;
  /** `ip:port` (`[v6]:port`), the port being the pod's own. */
  address: string;
  /** Undefined where it is on none. */
  node: string | undefined;
  /** Name of the pod; empty where the endpoint is none. */
  name: string;
}

/** A DNS pod and its state. */
export interface DnsPod {
  /** `ip:port`; IPv4 where it has one. */
  address: string;
  node: string | undefined;
  name: string;
  state: TargetState;
  /** Whether the Service leads to it. */
  isServing: boolean;
}

/** Of an EndpointSlice, what the operator uses; all that it keeps. */
export interface DnsSlice {
  /** Of none when the slice has no port for DNS. */
  endpoints: DnsEndpoint[];
  /** The ports of these endpoints at which they serve DNS, over UDP or TCP. */
  ports: number[];
  /** Number of endpoints beyond the limit. */
  leftOut: number;
}

interface SliceFields {
  addressType: string;
  /** Null where all ports are meant. */
  ports?: { name?: string; port?: number; protocol?: string }[] | null;
  endpoints?: {
    addresses: string[];
    conditions?: { ready?: boolean; terminating?: boolean };
    nodeName?: string;
    targetRef?: { kind?: string; uid?: string; name?: string };
  }[];
}

/** Maximum length of a uid and of a name. The API server does not limit what an EndpointSlice refers to. */
const maxUidLength = 63;
const maxNameLength = 253;

const maxPort = 65_535;
const dnsPortName = 'dns';
const dnsTcpPortName = 'dns-tcp';
const dnsPort = 53;

/** Shrinks an EndpointSlice to what is used. @param limit maximum number of endpoints */
export function dnsSliceOf({ metadata: _, ...fields }: KubeObject, limit: number): DnsSlice {
  const { addressType, endpoints, ...rest } = fields as unknown as SliceFields;
  // The API server takes any number, and none but these for a NetworkPolicy.
  const ports = rest.ports?.filter(({ port }) => port === undefined || (port >= 1 && port <= maxPort));
  const port = portOf(ports);
  const all = addressType !== 'FQDN' && port !== undefined ? (endpoints ?? []) : [];
  return {
    endpoints: all.slice(0, limit).map(({ addresses, conditions, nodeName, targetRef }) => ({
      pod: (targetRef?.kind === 'Pod' ? upTo(maxUidLength, targetRef.uid) : undefined) ?? addresses[0]!,
      // Of several addresses the first one is meant; more were never in use.
      address: formatHostPort(addresses[0]!, port!),
      node: nodeName,
      name: (targetRef?.kind === 'Pod' ? upTo(maxNameLength, targetRef.name) : undefined) ?? '',
      // Not known is ready, as for every consumer of the API.
      ready: conditions?.ready ?? true,
      terminating: conditions?.terminating ?? false,
    })),
    ports: all.length > 0 ? portsOf(ports, port!) : [],
    leftOut: Math.max(0, all.length - limit),
  };
}

function upTo(maxLength: number, text: string | undefined): string | undefined {
  return text !== undefined && text.length <= maxLength ? text : undefined;
}

/** The port named `dns`, as kube-dns's Service has it, else 53, else the only one for UDP. */
function portOf(ports: SliceFields['ports']): number | undefined {
  if (!ports) return dnsPort;
  const named = ports.find(({ name }) => name === dnsPortName) ?? ports.find(({ port }) => port === dnsPort);
  return (named ?? ports.find(({ protocol }) => protocol === 'UDP'))?.port;
}

/** The port over UDP and, where it is another one, the port over TCP. */
function portsOf(ports: SliceFields['ports'], udpPort: number): number[] {
  const overTcp = ports?.find(({ name }) => name === dnsTcpPortName)?.port;
  return [...new Set([udpPort, overTcp ?? udpPort])];
}

/**
 * The DNS pods to ask directly, as long as they are to be asked: it remembers the state of each, since a pod that fails
 * is asked on and one that has never been ready is not.
 */
export class DnsServers {
  #states = new Map<string, TargetState>();

  /**
   * @param slices of the DNS Service
   * @returns of each pod that is to be asked one address, IPv4 where it has one; sorted
   */
  update(slices: Iterable<DnsSlice>, nodes: (name: string) => NodeFacts | undefined): string[] {
    const asked = this.pods(slices, nodes).filter(({ state }) => targetStates[state].probed);
    return [...new Set(asked.map(({ address }) => address))].sort();
  }

  /** @param slices of the DNS Service @returns all its pods, in no order */
  pods(slices: Iterable<DnsSlice>, nodes: (name: string) => NodeFacts | undefined): DnsPod[] {
    const states = new Map<string, TargetState>();
    const pods: DnsPod[] = [];
    for (const endpoint of onePerPod(slices)) {
      const { address, node: nodeName, name, ready, terminating } = endpoint;
      const node = nodeName === undefined ? undefined : nodes(nodeName);
      const state = dnsPodState(endpoint, node, this.#states.get(endpoint.pod));
      states.set(endpoint.pod, state);
      pods.push({ address, node: nodeName, name, state, isServing: ready && !terminating });
    }
    this.#states = states;
    return pods;
  }
}

/** A pod is in a slice for each address family, and for a moment in two while it moves from one to another. */
function onePerPod(slices: Iterable<DnsSlice>): Iterable<DnsEndpoint> {
  const chosen = new Map<string, DnsEndpoint>();
  for (const { endpoints } of slices)
    for (const endpoint of endpoints) {
      const other = chosen.get(endpoint.pod);
      if (!other || rank(endpoint) < rank(other)) chosen.set(endpoint.pod, endpoint);
    }
  return chosen.values();
}

/** By family, then by readiness, then by address, so that the order of slices does not matter. */
function rank({ address, ready }: DnsEndpoint): string {
  return `${address.startsWith('[') ? 6 : 4} ${ready ? 0 : 1} ${address}`;
}
