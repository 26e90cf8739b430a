/** A NetExporter that the API server must refuse, and what it must say. */
export interface BrokenResource {
  title: string;
  /** The spec; an empty one where it is left out. */
  spec?: unknown;
  /** Merged over the metadata of a resource that is otherwise in order. */
  metadata?: { name?: string };
  /** What stands in the refusal: the field and what to write instead. */
  message: RegExp;
}

/** What stands in the refusal of a Kubernetes 1 of this minor version: until 1.31, `may not be longer than 63`. */
export function refusalBy(minor: number, { message }: BrokenResource): RegExp {
  return minor >= 32 ? message : new RegExp(message.source.replace('may not be more than', 'may not be longer than'));
}

const labelDrop = { action: 'labeldrop', regex: 'peer_zone' };

/**
 * At least one for each constrained field. To be sent with strict field validation, as kubectl does; everything but the
 * unknown fields is refused without it, too.
 */
export const brokenResources: BrokenResource[] = [
  {
    title: 'a name of 41 characters',
    metadata: { name: 'a'.repeat(41) },
    message: /metadata\.name.*must have at most 40 lowercase letters.*use a name such as default/,
  },
  {
    title: 'a name with a dot',
    metadata: { name: 'team.default' },
    message: /metadata\.name.*must have at most 40 lowercase letters/,
  },
  {
    title: 'a name that begins with a digit, which no Service may',
    metadata: { name: '1st' },
    message: /metadata\.name.*start with a letter/,
  },
  {
    title: 'a misspelt field',
    spec: { dns: { host: ['example.com'] } },
    message: /unknown field "spec\.dns\.host"/,
  },
  {
    title: 'a misspelt field of affinity',
    spec: { agent: { affinity: { nodeAfinity: {} } } },
    message: /unknown field "spec\.agent\.affinity\.nodeAfinity"/,
  },
  {
    title: 'an image with a space',
    spec: { agent: { image: 'registry.example.com/agent: 1' } },
    message: /spec\.agent\.image: .*must be an image reference without spaces/,
  },
  {
    title: 'an image with a scheme',
    spec: { agent: { image: 'https://registry.example.com/agent:1' } },
    message: /spec\.agent\.image: .*without spaces or a scheme such as https:\/\//,
  },
  {
    title: 'an unknown pull policy',
    spec: { agent: { imagePullPolicy: 'Sometimes' } },
    message:
      /spec\.agent\.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"/,
  },
  {
    title: 'a pull secret with an impossible name',
    spec: { agent: { imagePullSecrets: [{ name: 'My_Secret' }] } },
    message: /spec\.agent\.imagePullSecrets\[0\]\.name: .*must be the name of a Secret, such as registry-credentials/,
  },
  {
    title: 'a pull secret without a name',
    spec: { agent: { imagePullSecrets: [{}] } },
    message: /spec\.agent\.imagePullSecrets\[0\]\.name: Required value/,
  },
  {
    title: 'a pull secret named twice',
    spec: { agent: { imagePullSecrets: [{ name: 'registry' }, { name: 'registry' }] } },
    message: /spec\.agent\.imagePullSecrets\[1\]: Duplicate value/,
  },
  {
    title: 'a privileged port',
    spec: { agent: { port: 80 } },
    message:
      /spec\.agent\.port: .*must be from 1024 to 65535, such as 8000; agents run as non-root without capabilities/,
  },
  {
    title: 'a port that no packet has',
    spec: { agent: { port: 65_536 } },
    message: /spec\.agent\.port: .*must be from 1024 to 65535/,
  },
  {
    title: 'an amount that is no quantity',
    spec: { agent: { resources: { limits: { memory: '64 MB' } } } },
    message:
      /spec\.agent\.resources\.limits: .*must be a non-negative Kubernetes quantity, such as 10m for cpu or 64Mi for memory/,
  },
  {
    title: 'a negative amount',
    spec: { agent: { resources: { requests: { cpu: -1 } } } },
    message: /spec\.agent\.resources\.requests: .*must be a non-negative Kubernetes quantity/,
  },
  {
    title: 'a request above its limit',
    spec: { agent: { resources: { requests: { memory: '1Gi' }, limits: { memory: '128Mi' } } } },
    message: /spec\.agent\.resources: .*requests must not exceed limits; set a smaller request or a larger limit/,
  },
  {
    title: 'a node selector whose key is no label',
    spec: { agent: { nodeSelector: { 'node pool': 'a' } } },
    message: /spec\.agent\.nodeSelector: .*every key must have the form name or prefix\/name/,
  },
  {
    title: 'a node selector whose value is no label',
    spec: { agent: { nodeSelector: { pool: 'a b' } } },
    message: /spec\.agent\.nodeSelector: .*every value must be empty or have at most 63 letters/,
  },
  {
    title: 'a node selector with an unquoted true',
    spec: { agent: { nodeSelector: { 'example.com/probed': true } } },
    message: /spec\.agent\.nodeSelector\.example\.com\/probed: .*must be of type string/,
  },
  {
    title: 'a node selector for Windows',
    spec: { agent: { nodeSelector: { 'kubernetes.io/os': 'windows' } } },
    message: /spec\.agent\.nodeSelector: .*kubernetes\.io\/os must be linux.*remove the key/,
  },
  {
    title: 'a toleration without key and operator',
    spec: { agent: { tolerations: [{ effect: 'NoSchedule' }] } },
    message: /spec\.agent\.tolerations\[0\]: .*must have a key, or operator: Exists/,
  },
  {
    title: 'a toleration with Exists and a value',
    spec: { agent: { tolerations: [{ key: 'pool', operator: 'Exists', value: 'gpu' }] } },
    message:
      /spec\.agent\.tolerations\[0\]: .*must not have a value with operator: Exists; remove the value or set operator: Equal/,
  },
  {
    title: 'an affinity that is a list',
    spec: { agent: { affinity: { nodeAffinity: [] } } },
    message: /spec\.agent\.affinity\.nodeAffinity: .*must be of type object/,
  },
  {
    title: 'a priority class with an impossible name',
    spec: { agent: { priorityClassName: 'Very High' } },
    message: /spec\.agent\.priorityClassName: .*must be the name of a PriorityClass, such as net-exporter-agent/,
  },
  {
    title: 'no agent that may be unavailable',
    spec: { agent: { maxUnavailable: 0 } },
    message: /spec\.agent\.maxUnavailable: .*must be an integer from 1 to 100000, such as 1, or a percentage/,
  },
  {
    title: 'none of a hundred agents that may be unavailable',
    spec: { agent: { maxUnavailable: '0%' } },
    message: /spec\.agent\.maxUnavailable: .*a percentage from "1%" to "100%"/,
  },
  {
    title: 'a number of unavailable agents in quotes',
    spec: { agent: { maxUnavailable: '3' } },
    message: /spec\.agent\.maxUnavailable: .*a percentage from "1%" to "100%"/,
  },
  {
    title: 'a pod label of the operator',
    spec: { agent: { podLabels: { 'app.kubernetes.io/name': 'mine' } } },
    message: /spec\.agent\.podLabels: .*reserved for the operator; use a different key/,
  },
  {
    title: 'a pod label with a value that is too long',
    spec: { agent: { podLabels: { team: 'x'.repeat(64) } } },
    message: /spec\.agent\.podLabels\.team: Too long: may not be more than 63/,
  },
  {
    title: 'a pod annotation of the operator',
    spec: { agent: { podAnnotations: { 'net-exporter.dev/settings': '1' } } },
    message: /spec\.agent\.podAnnotations: .*reserved for the operator; use a different key/,
  },
  {
    title: 'a pod annotation whose key is none',
    spec: { agent: { podAnnotations: { 'a/b/c': '1' } } },
    message: /spec\.agent\.podAnnotations: .*every key must have the form name or prefix\/name/,
  },
  {
    title: 'a pod annotation that gives pods another network',
    spec: { agent: { podAnnotations: { 'k8s.v1.cni.cncf.io/networks': 'storage' } } },
    message: /spec\.agent\.podAnnotations: .*must not contain annotations that give pods .*; remove the key/,
  },
  {
    title: 'a switch that is neither true nor false',
    spec: { dns: { enabled: 'yes' } },
    message: /spec\.dns\.enabled: .*must be of type boolean/,
  },
  {
    title: 'a host with a scheme',
    spec: { dns: { hosts: ['https://example.com'] } },
    message: /spec\.dns\.hosts\[0\]: .*must be a DNS name such as example\.com.*no scheme, port, path/,
  },
  {
    title: 'a host with a port',
    spec: { dns: { hosts: ['example.com', 'example.com:53'] } },
    message: /spec\.dns\.hosts\[1\]: .*must be a DNS name such as example\.com/,
  },
  {
    title: 'a host with an empty label',
    spec: { dns: { hosts: ['example..com'] } },
    message: /spec\.dns\.hosts\[0\]: .*must be a DNS name such as example\.com/,
  },
  {
    title: 'an empty host',
    spec: { dns: { hosts: [''] } },
    message: /spec\.dns\.hosts\[0\]: .*must be a DNS name such as example\.com/,
  },
  {
    title: 'a host with a label of 64 characters',
    spec: { dns: { hosts: [`${'a'.repeat(64)}.example.com`] } },
    message: /spec\.dns\.hosts\[0\]: .*must be a DNS name such as example\.com.*at most 63 characters between two dots/,
  },
  {
    title: 'a host with a letter outside of ASCII',
    spec: { dns: { hosts: ['münchen.de'] } },
    message: /spec\.dns\.hosts\[0\]: .*must be a DNS name .*as punycode, such as xn--mnchen-3ya\.de/,
  },
  {
    title: 'a host of 254 characters without the final dot',
    spec: { dns: { hosts: [`${'a.'.repeat(126)}bc`] } },
    message: /spec\.dns\.hosts\[0\]: .*at most 253 characters/,
  },
  {
    title: 'a host that is an address',
    spec: { dns: { hosts: ['10.0.0.10'] } },
    message:
      /spec\.dns\.hosts\[0\]: .*must be a DNS name such as example\.com, not an IP address; list addresses of resolvers in spec\.dns\.servers/,
  },
  {
    title: 'a host named twice',
    spec: { dns: { hosts: ['example.com', 'example.com'] } },
    message: /spec\.dns\.hosts\[1\]: Duplicate value: "example\.com"/,
  },
  {
    title: 'more hosts than an agent looks up',
    spec: { dns: { hosts: Array.from({ length: 65 }, (_, index) => `h${index}.example.com`) } },
    message: /spec\.dns\.hosts: Too many: 65: must have at most 64 items/,
  },
  {
    title: 'no protocol',
    spec: { dns: { protocols: [] } },
    message:
      /spec\.dns\.protocols: .*at least one of UDP and TCP; to disable DNS probes, set spec\.dns\.enabled: false/,
  },
  {
    title: 'a protocol in lower case',
    spec: { dns: { protocols: ['udp'] } },
    message: /spec\.dns\.protocols\[0\]: Unsupported value: "udp": supported values: "UDP", "TCP"/,
  },
  {
    title: 'a protocol named twice',
    spec: { dns: { protocols: ['UDP', 'UDP'] } },
    message: /spec\.dns\.protocols\[1\]: Duplicate value: "UDP"/,
  },
  {
    title: 'no record type',
    spec: { dns: { recordTypes: [] } },
    message: /spec\.dns\.recordTypes: .*at least one of A and AAAA/,
  },
  {
    title: 'a record type that is not asked for',
    spec: { dns: { recordTypes: ['MX'] } },
    message: /spec\.dns\.recordTypes\[0\]: Unsupported value: "MX": supported values: "A", "AAAA"/,
  },
  {
    title: 'a DNS server given by name',
    spec: { dns: { servers: ['dns.example.com'] } },
    message: /spec\.dns\.servers\[0\]: .*must be ip, ip:port or \[ipv6\]:port.*host names are not supported/,
  },
  {
    title: 'a DNS server with a port that no packet has',
    spec: { dns: { servers: ['10.0.0.10:70000'] } },
    message: /spec\.dns\.servers\[0\]: .*must be ip, ip:port or \[ipv6\]:port/,
  },
  {
    title: 'a DNS server with port 0',
    spec: { dns: { servers: ['[fd00::10]:0'] } },
    message: /spec\.dns\.servers\[0\]: .*must be ip, ip:port or \[ipv6\]:port/,
  },
  {
    title: 'a DNS server that is a loopback address',
    spec: { dns: { servers: ['127.0.0.1:53'] } },
    message: /spec\.dns\.servers\[0\]: .*must be a resolver address that pods can reach/,
  },
  {
    title: 'a DNS server named twice, once with its port',
    spec: { dns: { servers: ['10.0.0.10', '10.0.0.10:53'] } },
    message: /spec\.dns\.servers: .*must not list the same server both with and without port 53/,
  },
  {
    title: 'more DNS servers than an agent asks',
    spec: { dns: { servers: Array.from({ length: 17 }, (_, index) => `10.0.0.${index + 1}`) } },
    message: /spec\.dns\.servers: Too many: 17: must have at most 16 items/,
  },
  {
    title: 'a DNS namespace that is none',
    spec: { dns: { service: { namespace: 'Kube_System' } } },
    message: /spec\.dns\.service\.namespace: .*must be the name of a namespace, such as kube-system/,
  },
  {
    title: 'a DNS Service with its namespace',
    spec: { dns: { service: { name: 'kube-system/kube-dns' } } },
    message: /spec\.dns\.service\.name: .*must be the name of a Service, such as kube-dns.*or empty/,
  },
  {
    title: 'fewer DNS pods than none',
    spec: { dns: { endpointsPerAgent: -1 } },
    message: /spec\.dns\.endpointsPerAgent: .*must be from 0 to 16, such as 2; 0 disables direct queries of DNS pods/,
  },
  {
    title: 'more DNS pods than an agent asks',
    spec: { dns: { endpointsPerAgent: 17 } },
    message: /spec\.dns\.endpointsPerAgent: .*must be from 0 to 16/,
  },
  {
    title: 'more lookups than an agent makes',
    spec: {
      dns: {
        hosts: Array.from({ length: 64 }, (_, index) => `h${index}.example.com`),
        servers: Array.from({ length: 16 }, (_, index) => `10.0.0.${index + 1}`),
        recordTypes: ['A', 'AAAA'],
      },
    },
    message:
      /spec\.dns\.hosts: .*must not exceed 1000 lookups per agent: .* × protocols × recordTypes; remove entries or reduce endpointsPerAgent/,
  },
  {
    title: 'slightly more lookups than an agent makes',
    spec: {
      dns: {
        hosts: Array.from({ length: 11 }, (_, index) => `h${index}.example.com`),
        servers: Array.from({ length: 13 }, (_, index) => `10.0.0.${index + 1}`),
        endpointsPerAgent: 9,
        recordTypes: ['A', 'AAAA'],
        interval: '1m',
      },
    },
    message: /spec\.dns\.hosts: .*must not exceed 1000 lookups per agent/,
  },
  {
    title: 'more lookups a second than an agent makes',
    spec: {
      dns: { hosts: Array.from({ length: 17 }, (_, index) => `h${index}.example.com`), interval: '1s', timeout: '1s' },
    },
    message:
      /spec\.dns\.interval: .*must be at least 1s for every 100 lookups per agent: .*; set a longer interval or remove entries/,
  },
  {
    title: 'more packets a second than an agent sends',
    spec: {
      network: { peersPerAgent: 100, protocols: ['UDP'], udp: { packets: 10 }, interval: '1s', timeout: '1s' },
    },
    message:
      /spec: .*must not send more than 1000 packets per second and agent.*; set longer intervals, or reduce network\.peersPerAgent/,
  },
  {
    title: 'a DNS interval without a unit',
    spec: { dns: { interval: '10' } },
    message: /spec\.dns\.interval: .*must be a duration from 1s to 1h, such as 10s or 1m30s/,
  },
  {
    title: 'a DNS interval below a second',
    spec: { dns: { interval: '500ms', timeout: '100ms' } },
    message: /spec\.dns\.interval: .*must be a duration from 1s to 1h/,
  },
  {
    title: 'a DNS timeout of zero',
    spec: { dns: { timeout: '0s' } },
    message: /spec\.dns\.timeout: .*must be a duration greater than zero and at most the interval/,
  },
  {
    title: 'a DNS timeout longer than its interval',
    spec: { dns: { interval: '10s', timeout: '11s' } },
    message:
      /spec\.dns\.timeout: .*must not exceed the interval: the timeout is 11s \(default 5s\), the interval is 10s; set a shorter timeout/,
  },
  {
    title: 'a DNS interval shorter than the default timeout',
    spec: { dns: { interval: '2s' } },
    message: /spec\.dns\.timeout: .*must not exceed the interval: the timeout is 5s \(default 5s\), the interval is 2s/,
  },
  {
    title: 'fewer peers than none',
    spec: { network: { peersPerAgent: -1 } },
    message: /spec\.network\.peersPerAgent: .*should be greater than or equal to 0/,
  },
  {
    title: 'more peers than an agent dials',
    spec: { network: { peersPerAgent: 101 } },
    message: /spec\.network\.peersPerAgent: .*should be less than or equal to 100/,
  },
  {
    title: 'no network protocol',
    spec: { network: { protocols: [] } },
    message:
      /spec\.network\.protocols: .*at least one of TCP and UDP; to disable network probes, set spec\.network\.enabled: false/,
  },
  {
    title: 'a network protocol that agents do not speak',
    spec: { network: { protocols: ['TCP', 'SCTP'] } },
    message: /spec\.network\.protocols\[1\]: Unsupported value: "SCTP": supported values: "TCP", "UDP"/,
  },
  {
    title: 'a network protocol named twice',
    spec: { network: { protocols: ['UDP', 'UDP'] } },
    message: /spec\.network\.protocols\[1\]: Duplicate value: "UDP"/,
  },
  {
    title: 'an echo of no packets',
    spec: { network: { udp: { packets: 0 } } },
    message: /spec\.network\.udp\.packets: .*must be from 1 to 10, such as 3.*shorter spec\.network\.interval/,
  },
  {
    title: 'an echo of more packets than a turn sends',
    spec: { network: { udp: { packets: 11 } } },
    message: /spec\.network\.udp\.packets: .*must be from 1 to 10/,
  },
  {
    title: 'an echo smaller than its header',
    spec: { network: { udp: { size: 31 } } },
    message: /spec\.network\.udp\.size: .*must be from 32 bytes.*to 1472 bytes.*use for example 64/,
  },
  {
    title: 'an echo larger than a packet',
    spec: { network: { udp: { size: 1473 } } },
    message: /spec\.network\.udp\.size: .*must be from 32 bytes.*to 1472 bytes/,
  },
  {
    title: 'a network switch that is a number',
    spec: { network: { service: 1 } },
    message: /spec\.network\.service: .*must be of type boolean/,
  },
  {
    title: 'a network interval of more than an hour',
    spec: { network: { interval: '1h1s' } },
    message: /spec\.network\.interval: .*must be a duration from 1s to 1h/,
  },
  {
    title: 'a network timeout below zero',
    spec: { network: { timeout: '-5s' } },
    message: /spec\.network\.timeout: .*must be a duration greater than zero/,
  },
  {
    title: 'a network timeout longer than its interval',
    spec: { network: { interval: '1s', timeout: '1s1ms' } },
    message: /spec\.network\.timeout: .*must not exceed the interval/,
  },
  {
    title: 'time servers enabled without one',
    spec: { ntp: { enabled: true } },
    message:
      /spec\.ntp\.servers: .*at least one time server if spec\.ntp\.enabled is true; set for example servers: \[ntp\.example\.com\]/,
  },
  {
    title: 'a time server with a scheme',
    spec: { ntp: { servers: ['ntp://ntp.example.com'] } },
    message:
      /spec\.ntp\.servers\[0\]: .*must be a host name or IP address, with or without a port, such as ntp\.example\.com/,
  },
  {
    title: 'a time server with a letter outside of ASCII',
    spec: { ntp: { servers: ['zeit.münchen.de:123'] } },
    message: /spec\.ntp\.servers\[0\]: .*must be a host name or IP address.*as punycode, such as xn--mnchen-3ya\.de/,
  },
  {
    title: 'a time server that is almost an address',
    spec: { ntp: { servers: ['10.0.0.300:123'] } },
    message: /spec\.ntp\.servers\[0\]: .*must be a host name or IP address/,
  },
  {
    title: 'a time server with a port that no packet has',
    spec: { ntp: { servers: ['ntp.example.com:70000'] } },
    message: /spec\.ntp\.servers\[0\]: .*must be a host name or IP address/,
  },
  {
    title: 'a time server that is a loopback address',
    spec: { ntp: { servers: ['[::1]:123'] } },
    message: /spec\.ntp\.servers\[0\]: .*must be a time server address that pods can reach/,
  },
  {
    title: 'a time server named twice, once with its port',
    spec: { ntp: { servers: ['ntp.example.com', 'ntp.example.com:123'] } },
    message: /spec\.ntp\.servers: .*must not list the same server both with and without port 123/,
  },
  {
    title: 'more time servers than an agent asks',
    spec: { ntp: { servers: Array.from({ length: 9 }, (_, index) => `10.0.0.${index + 1}`) } },
    message: /spec\.ntp\.servers: Too many: 9: must have at most 8 items/,
  },
  {
    title: 'a time server switch that is a word',
    spec: { ntp: { enabled: 'on' } },
    message: /spec\.ntp\.enabled: .*must be of type boolean/,
  },
  {
    title: 'an NTP interval below a second',
    spec: { ntp: { interval: '999ms', timeout: '1ms' } },
    message: /spec\.ntp\.interval: .*must be a duration from 1s to 1h/,
  },
  {
    title: 'an NTP timeout without a unit',
    spec: { ntp: { timeout: '5' } },
    message: /spec\.ntp\.timeout: .*must be a duration greater than zero/,
  },
  {
    title: 'an NTP timeout longer than its interval',
    spec: { ntp: { timeout: '61s' } },
    message:
      /spec\.ntp\.timeout: .*must not exceed the interval: the timeout is 61s \(default 5s\), the interval is 60s/,
  },
  {
    title: 'a failure ratio in percent',
    spec: { health: { failureRatio: '5%' } },
    message:
      /spec\.health\.failureRatio: .*must be a quoted decimal fraction greater than 0 and at most 1, such as "0\.05" for 5%/,
  },
  {
    title: 'a failure ratio of zero, by which everything would be at fault',
    spec: { health: { failureRatio: '0.0' } },
    message: /spec\.health\.failureRatio: .*must be a quoted decimal fraction greater than 0 and at most 1/,
  },
  {
    title: 'a failure ratio above one',
    spec: { health: { failureRatio: '1.5' } },
    message: /spec\.health\.failureRatio: .*must be a quoted decimal fraction greater than 0 and at most 1/,
  },
  {
    title: 'a failure ratio that is a number',
    spec: { health: { failureRatio: 0.05 } },
    message: /spec\.health\.failureRatio: .*must be of type string/,
  },
  {
    title: 'slow lookups without a unit',
    spec: { health: { latency: { dns: '100' } } },
    message: /spec\.health\.latency\.dns: .*must be a duration from 1ms to 1m, such as 100ms/,
  },
  {
    title: 'slow round trips from zero on',
    spec: { health: { latency: { network: '0ms' } } },
    message: /spec\.health\.latency\.network: .*must be a duration from 1ms to 1m, such as 10ms/,
  },
  {
    title: 'a window in which an agent may not have reported',
    spec: { health: { window: '15s' } },
    message: /spec\.health\.window: .*must be a duration from 30s to 15m, such as 2m/,
  },
  {
    title: 'a window longer than what the operator keeps',
    spec: { health: { window: '1h' } },
    message: /spec\.health\.window: .*must be a duration from 30s to 15m/,
  },
  {
    title: 'an unknown network policy',
    spec: { monitoring: { networkPolicy: 'Egress' } },
    message:
      /spec\.monitoring\.networkPolicy: Unsupported value: "Egress": supported values: "Ingress", "Strict", "None"/,
  },
  {
    title: 'a PrometheusRule in any case',
    spec: { monitoring: { prometheusRule: 'Always' } },
    message: /spec\.monitoring\.prometheusRule: Unsupported value: "Always": supported values: "Auto", "None"/,
  },
  {
    title: 'a PodMonitor in any case',
    spec: { monitoring: { podMonitor: 'Always' } },
    message: /spec\.monitoring\.podMonitor: Unsupported value: "Always": supported values: "Auto", "None"/,
  },
  {
    title: 'a label of the PodMonitor whose key is none',
    spec: { monitoring: { labels: { 'my release': 'prometheus' } } },
    message: /spec\.monitoring\.labels: .*every key must have the form name or prefix\/name/,
  },
  {
    title: 'a label of the PodMonitor that the operator keeps for itself',
    spec: { monitoring: { labels: { 'app.kubernetes.io/name': 'mine' } } },
    message: /spec\.monitoring\.labels: .*reserved for the operator; use a different key/,
  },
  {
    title: 'an interval of scrapes below a second',
    spec: scrape({ interval: '500ms' }),
    message: /spec\.monitoring\.scrape\.interval: .*must be a duration from 1s to 1h/,
  },
  {
    title: 'an interval of scrapes above an hour',
    spec: scrape({ interval: '1h1ms' }),
    message: /spec\.monitoring\.scrape\.interval: .*must be a duration from 1s to 1h/,
  },
  {
    title: 'an interval of scrapes whose units are in an order that Prometheus does not take',
    spec: scrape({ interval: '30s1m' }),
    message: /spec\.monitoring\.scrape\.interval: .*with units from large to small, such as 30s or 1m30s/,
  },
  {
    title: 'a timeout of scrapes of zero',
    spec: scrape({ interval: '30s', timeout: '0s' }),
    message: /spec\.monitoring\.scrape\.timeout: .*must be a duration greater than zero and at most the interval/,
  },
  {
    title: 'a timeout of scrapes above the interval',
    spec: scrape({ interval: '30s', timeout: '31s' }),
    message: /spec\.monitoring\.scrape\.timeout: .*must not exceed the interval; set a shorter timeout/,
  },
  {
    title: 'a timeout of scrapes whose interval only Prometheus knows',
    spec: scrape({ timeout: '10s' }),
    message: /spec\.monitoring\.scrape\.timeout: .*must be empty if the interval is empty; set .*interval, too/,
  },
  {
    title: '33 relabelings of metrics',
    spec: scrape({ metricRelabelings: Array(33).fill(labelDrop) }),
    message: /spec\.monitoring\.scrape\.metricRelabelings: Too many: 33: must have at most 32 items/,
  },
  {
    title: 'a relabeling of metrics without an action, which would replace a label',
    spec: scrape({ metricRelabelings: [{ regex: 'a' }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.action: Required value/,
  },
  {
    title: 'a relabeling that writes a label',
    spec: scrape({ metricRelabelings: [{ action: 'replace', sourceLabels: ['host'], regex: '.*' }] }),
    message:
      /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.action: Unsupported value: "replace": supported values: "keep", "drop", "labeldrop", "labelkeep"/,
  },
  {
    title: 'a relabeling that names the label to write',
    spec: scrape({ metricRelabelings: [{ ...labelDrop, targetLabel: 'namespace' }] }),
    message: /unknown field "spec\.monitoring\.scrape\.metricRelabelings\[0\]\.targetLabel"/,
  },
  {
    title: 'a relabeling that would drop every series',
    spec: scrape({ metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'] }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.regex: Required value/,
  },
  {
    title: 'a relabeling with an empty regex',
    spec: scrape({ metricRelabelings: [{ ...labelDrop, regex: '' }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.regex: .*must not be empty/,
  },
  {
    title: 'a relabeling with a broken regex, for which Prometheus would scrape nothing',
    spec: scrape({ metricRelabelings: [{ ...labelDrop, regex: '(' }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.regex: .*must be a regular expression in RE2 syntax/,
  },
  {
    title: 'a relabeling with a regex that is too long',
    spec: scrape({ metricRelabelings: [{ ...labelDrop, regex: 'a'.repeat(1025) }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.regex: Too long: may not be more than 1024/,
  },
  {
    title: 'a relabeling that drops series and does not say by which labels',
    spec: scrape({ metricRelabelings: [{ action: 'drop', regex: 'a' }] }),
    message:
      /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.sourceLabels: .*must have sourceLabels if action is keep/,
  },
  {
    title: 'a relabeling that drops labels by values, which Prometheus refuses',
    spec: scrape({ metricRelabelings: [{ ...labelDrop, sourceLabels: ['host'] }] }),
    message:
      /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.sourceLabels: .*must not have sourceLabels or separator if action is labeldrop/,
  },
  {
    title: 'a relabeling by a label whose name is none',
    spec: scrape({ metricRelabelings: [{ action: 'drop', sourceLabels: ['a-b'], regex: 'a' }] }),
    message:
      /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.sourceLabels\[0\]: .*must be the name of a label, such as __name__/,
  },
  {
    title: 'a relabeling by nine labels',
    spec: scrape({ metricRelabelings: [{ action: 'drop', sourceLabels: Array(9).fill('a'), regex: 'a' }] }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.sourceLabels: Too many: 9: must have at most 8 items/,
  },
  {
    title: 'a relabeling with a long separator',
    spec: scrape({
      metricRelabelings: [{ action: 'drop', sourceLabels: ['a'], separator: ';'.repeat(17), regex: 'a' }],
    }),
    message: /spec\.monitoring\.scrape\.metricRelabelings\[0\]\.separator: Too long: may not be more than 16/,
  },
];

function scrape(fields: object): object {
  return { monitoring: { scrape: fields } };
}
