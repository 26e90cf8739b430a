import { isIP, isIPv6 } from 'node:net';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { parseHostPort, parseServer } from '../../src/base/host-port.ts';
import { agentNames, agentSelector } from '../../src/contract/agent-names.ts';
import { operatorSelector, syncPort } from '../../src/contract/operator-names.ts';
import { limitsEgress, type NetExporter } from '../../src/crd/net-exporter.ts';

const dnsPort = 53;
const ntpPort = 123;

const namespaceLabel = 'kubernetes.io/metadata.name';

/**
 * What CoreDNS calls its ports, for as long as their numbers are not known. A policy is about pods, behind the
 * Service's translation, and pods need not listen on 53: on OpenShift they do on 5353.
 */
const dnsPortNames = { UDP: 'dns', TCP: 'dns-tcp' };

/**
 * Where caches of DNS on the node itself listen (KEP-1024): no pod's address, so that no selector finds them. With
 * iptables they listen at the address of the cluster's DNS besides.
 */
const nodeLocalAddresses = '169.254.0.0/16';

/** Addresses that a NetExporter does not name and its agents need, as far as they are known. */
export interface NeededAddresses {
  /** Those that pods have in their resolv.conf. */
  nameservers: readonly string[];
  /** Where agents reach the operator, each as `ip:port`. */
  operator: readonly string[];
  /** Ports on which agents of an earlier template still listen. */
  formerPorts: readonly number[];
  /** Ports at which the DNS pods that the spec refers to serve DNS; none if unknown. */
  dnsPorts: readonly number[];
}

/**
 * Lets everyone reach the agents' ports: Prometheus and peers live wherever the cluster put them. Closes every other
 * port, and with `Strict` every way out that the agents do not need.
 */
export function addNetworkPolicy(
  scope: Construct,
  { metadata, spec }: NetExporter,
  { nameservers, operator, formerPorts, dnsPorts }: NeededAddresses,
): void {
  const ports = agentPorts([spec.agent.port, ...formerPorts]);
  const strict = limitsEgress(spec);
  const agents = { matchLabels: agentSelector(metadata.name) };
  new k8s.KubeNetworkPolicy(scope, 'network-policy', {
    metadata: { name: agentNames(metadata.name).agent },
    spec: {
      podSelector: agents,
      policyTypes: strict ? ['Ingress', 'Egress'] : ['Ingress'],
      ingress: [{ ports }],
      ...(strict && {
        egress: [
          // Peers, and the agents' own Service, behind which they are.
          { to: [{ podSelector: agents }], ports },
          ...toDns(spec.dns, nameservers, dnsPorts),
          ...toTimeServers(spec.ntp),
          toOperator(operator),
        ],
      }),
    },
  });
}

/**
 * The numbers of the DNS ports in a NetworkPolicy of agents.
 * @param namespace of the DNS pods
 * @returns none if the policy has none for this namespace, or has names instead
 */
export function dnsPortsIn(policy: object, namespace: string): number[] {
  const { egress = [] } = (policy as { spec?: k8s.NetworkPolicySpec }).spec ?? {};
  const selects = ({ namespaceSelector }: k8s.NetworkPolicyPeer) =>
    namespaceSelector?.matchLabels?.[namespaceLabel] === namespace;
  const ports = egress.find(({ to }) => to?.some(selects))?.ports?.map(({ port }) => port as unknown);
  return ports?.every((port) => typeof port === 'number') ? [...new Set(ports)] : [];
}

/** By number: OVN-Kubernetes takes the name of a port for any port. */
function agentPorts(ports: readonly number[]): k8s.NetworkPolicyPort[] {
  return [...new Set(ports)].flatMap((port) => numbered(port, ['TCP', 'UDP']));
}

/**
 * The cluster's DNS, which finds the peers also where nothing is probed by DNS, a cache on the node in front of it, and
 * the servers that the spec names.
 */
function toDns(
  dns: NetExporter['spec']['dns'],
  nameservers: readonly string[],
  dnsPorts: readonly number[],
): k8s.NetworkPolicyEgressRule[] {
  const named = Object.entries(dnsPortNames).map(([protocol, name]) => ({
    protocol,
    port: k8s.IntOrString.fromString(name),
  }));
  const numbers = [...new Set([dnsPort, ...dnsPorts])].flatMap((port) => numbered(port));
  const ports = dnsPorts.length > 0 ? numbers : [...numbers, ...named];
  const namespaceSelector = { matchLabels: { [namespaceLabel]: dns.service.namespace } };
  return [
    { to: [{ namespaceSelector }], ports },
    { to: [nodeLocalAddresses, ...nameservers.map(onlyAddress)].map(block), ports: numbered(dnsPort) },
    ...(dns.enabled ? dns.servers : []).map((server) => {
      const { host, port } = parseHostPort(server, dnsPort)!;
      return { to: [block(onlyAddress(host))], ports: numbered(port) };
    }),
  ];
}

function toTimeServers({ enabled, servers }: NetExporter['spec']['ntp']): k8s.NetworkPolicyEgressRule[] {
  if (!enabled) return [];
  return servers.map((server) => {
    const { host, port } = parseServer(server, ntpPort)!;
    const ports = numbered(port, ['UDP']);
    // What addresses a name has is known only when it is looked up.
    return isIP(host) === 0 ? { ports } : { to: [block(onlyAddress(host))], ports };
  });
}

/**
 * The operators, whatever namespace they were installed in, and their Service's own addresses: Amazon's VPC CNI judges
 * what is sent before the Service's translation, and finds a Service's address by its selector
 * (aws-network-policy-agent issue 460), of which this one has none.
 */
function toOperator(addresses: readonly string[]): k8s.NetworkPolicyEgressRule {
  const service = addresses.map((address) => block(onlyAddress(parseHostPort(address)!.host)));
  return {
    to: [{ namespaceSelector: {}, podSelector: { matchLabels: operatorSelector } }, ...service],
    ports: numbered(syncPort, ['TCP']),
  };
}

function numbered(port: number, protocols = ['UDP', 'TCP']): k8s.NetworkPolicyPort[] {
  return protocols.map((protocol) => ({ protocol, port: k8s.IntOrString.fromNumber(port) }));
}

function block(cidr: string): k8s.NetworkPolicyPeer {
  return { ipBlock: { cidr } };
}

function onlyAddress(address: string): string {
  return `${address}/${isIPv6(address) ? 128 : 32}`;
}
