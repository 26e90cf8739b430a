import type { FailureReason } from '../failure-reason.ts';
import type { KissCode } from '../kiss-codes.ts';
import { networkBuckets, serverBuckets } from './latency-buckets.ts';
import type { MetricGroup } from './metric.ts';

type Reasons = Partial<Record<FailureReason, string>>;

const lookup = {
  host: { help: 'Name looked up, as written in `spec.dns.hosts`.' },
  server: { help: 'DNS server asked, as `ip:port`.' },
  protocol: { help: 'Transport protocol of the lookup.', values: { UDP: 'UDP', TCP: 'TCP' } },
  type: { help: 'Record type asked for.', values: { A: 'IPv4 addresses', AAAA: 'IPv6 addresses' } },
} as const;

/** DNS probes. */
export const dnsMetrics = {
  latency: {
    name: 'dns_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Duration of successful DNS lookups in seconds.',
    labels: lookup,
    edges: serverBuckets,
    notes:
      'A lookup that goes through the search list counts once, with the sum of its questions. So does one over UDP whose answer is too large and that is asked again over TCP.',
  },
  errors: {
    name: 'dns_resolve_error_total',
    type: 'counter',
    help: 'Failed DNS lookups.',
    labels: lookup,
    notes:
      'A server that has not answered once since the agent started may be silent for 15 seconds and refuse connections for a minute without being counted: the node’s network may not be ready yet.',
  },
  failures: {
    name: 'dns_failures_total',
    type: 'counter',
    help: 'Failed DNS lookups by reason.',
    labels: {
      server: lookup.server,
      protocol: lookup.protocol,
      reason: {
        help: 'Reason of the failure.',
        values: {
          timeout: 'no answer within `spec.dns.timeout`',
          refused: 'nothing listens on the server’s port (ICMP port unreachable, TCP reset)',
          unreachable:
            'no route to the server, a firewall rejected the packets, or the full queue of the node’s or pod’s own interface dropped them',
          nxdomain: 'the name does not exist (`NXDOMAIN`)',
          servfail: 'the server could not resolve the name (`SERVFAIL`)',
          rcode: 'any other response code, such as `REFUSED`',
          nodata: 'the name exists and has no address',
          truncated: 'the answer was cut off to fit a UDP packet, and the server did not answer over TCP',
          malformed: 'no response was a valid answer to the query',
        } satisfies Reasons,
      },
    },
    notes: 'The same failures as in `dns_resolve_error_total`.',
  },
  faults: {
    name: 'dns_error_total',
    type: 'counter',
    help: 'DNS lookups that the agent could not make because of an internal error.',
    labels: {},
    notes: 'Says nothing about the DNS server. The agent’s log names the error.',
  },
} as const satisfies MetricGroup;

const peer = {
  host: { help: 'Address probed, as `ip:port`.' },
  protocol: {
    help: 'Kind of the probe.',
    values: { TCP: 'connection handshakes', UDP: 'echoes, which the agent of the peer answers' },
  },
  peer_node: { help: 'Node of the peer; empty for Services, and while the operator has not assigned peers.' },
  peer_zone: {
    help: 'Zone of the peer’s node; empty for Services, for nodes without a zone, and while the operator has not assigned peers.',
  },
} as const;

/** Probes of the pod network. */
export const networkMetrics = {
  latency: {
    name: 'network_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Round-trip time of successful TCP handshakes and UDP echoes in seconds.',
    labels: peer,
    edges: networkBuckets,
    notes: 'Without the time that a UDP echo waits in the peer’s agent; see `net_exporter_echo_dwell_seconds`.',
  },
  errors: {
    name: 'network_dial_error_total',
    type: 'counter',
    help: 'Failed TCP handshakes and UDP echoes.',
    labels: peer,
    notes:
      'A new target that has never answered counts as starting: it may refuse connections for a minute and be silent for 15 seconds without being counted.',
  },
  failures: {
    name: 'network_failures_total',
    type: 'counter',
    help: 'Failed TCP handshakes and UDP echoes by reason.',
    labels: {
      protocol: peer.protocol,
      reason: {
        help: 'Reason of the failure.',
        values: {
          timeout: 'TCP only: no connection within `spec.network.timeout`',
          refused: 'nothing listens on the peer’s port (TCP reset, ICMP port unreachable)',
          unreachable:
            'no route to the peer, a firewall rejected the packets, or the full queue of the node’s or pod’s own interface dropped them',
          reset: 'TCP only: the connection was reset during or right after the handshake',
          lost: 'UDP only: no answer within `spec.network.timeout`',
        } satisfies Reasons,
      },
    },
    notes: 'The same failures as in `network_dial_error_total`.',
  },
  losses: {
    name: 'network_echo_lost_total',
    type: 'counter',
    help: 'Lost UDP echoes by direction.',
    labels: {
      host: peer.host,
      peer_node: peer.peer_node,
      peer_zone: peer.peer_zone,
      direction: {
        help: 'Where the packet was lost.',
        values: {
          forward: 'the peer did not receive the request',
          return: 'the peer received the request; its answer was lost or late',
          unknown: 'no later answer, of the same turn or the next, shows which',
        },
      },
    },
    notes: 'See [udp-echo.md](udp-echo.md).',
  },
  retransmits: {
    name: 'network_retransmits_total',
    type: 'counter',
    help: 'Retransmitted SYN packets of TCP handshakes.',
    labels: { ...peer, protocol: { help: 'Kind of the probe.', values: { TCP: peer.protocol.values.TCP } } },
  },
  faults: {
    name: 'network_error_total',
    type: 'counter',
    help: 'Network probes that the agent could not make because of an internal error.',
    labels: {},
    notes: 'Says nothing about the network. The agent’s log names the error.',
  },
} as const satisfies MetricGroup;

const timeServer = {
  server: { help: 'Time server, as `host:port` with the host written in `spec.ntp.servers`.' },
} as const;

/** Probes of time servers. */
export const ntpMetrics = {
  latency: {
    name: 'ntp_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Round-trip time of successful NTP requests in seconds.',
    labels: timeServer,
    edges: serverBuckets,
    notes: 'Includes the time that the server takes to answer, and no lookup of its name.',
  },
  offset: {
    name: 'ntp_offset_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Offset of the time server’s clock from the node’s clock in seconds.',
    labels: timeServer,
    notes:
      'Positive when the node’s clock is behind, negative when it is ahead. The error is at most half of the round-trip time. Absent after a failure, and when the clock was set during the measurement.',
  },
  stratum: {
    name: 'ntp_stratum',
    type: 'gauge',
    help: 'Stratum of the time server.',
    labels: timeServer,
    notes:
      '1 for a server with a reference clock of its own, one more for each server in between. Absent after a failure.',
  },
  errors: {
    name: 'ntp_sync_error_total',
    type: 'counter',
    help: 'Failed NTP requests.',
    labels: timeServer,
  },
  failures: {
    name: 'ntp_failures_total',
    type: 'counter',
    help: 'Failed NTP requests by reason.',
    labels: {
      server: timeServer.server,
      reason: {
        help: 'Reason of the failure.',
        values: {
          timeout: 'no answer within `spec.ntp.timeout`',
          refused: 'nothing listens on the server’s port (ICMP port unreachable)',
          unreachable:
            'no route to the server, a firewall rejected the packets, or the full queue of the node’s or pod’s own interface dropped them',
          malformed: 'no response was a valid answer, or its timestamps are impossible',
          lookup: 'the server’s name has no address',
          unsynchronized: 'the server’s own clock is not synchronized',
          kiss_of_death: 'the server asked for fewer requests or none; see `ntp_kiss_of_death_total`',
        } satisfies Reasons,
      },
    },
    notes: 'The same failures as in `ntp_sync_error_total`.',
  },
  kisses: {
    name: 'ntp_kiss_of_death_total',
    type: 'counter',
    help: 'Kiss-o’-death answers of the time server by code.',
    labels: {
      server: timeServer.server,
      code: {
        help: 'Kiss code (RFC 5905).',
        values: {
          RATE: 'too many requests; the agent halves its rate',
          DENY: 'access denied; the agent sends no request for an hour, in which every turn counts as a failure',
          RSTR: 'access restricted; handled as `DENY`',
          other: 'any other code',
        } satisfies Record<KissCode, string>,
      },
    },
  },
  faults: {
    name: 'ntp_error_total',
    type: 'counter',
    help: 'NTP requests that the agent could not make because of an internal error.',
    labels: {},
    notes: 'Says nothing about the time server. The agent’s log names the error.',
  },
} as const satisfies MetricGroup;
