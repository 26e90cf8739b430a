import type { Rate } from '../base/token-bucket.ts';

/** Limits on the connections of clients that are not authenticated. */
export interface ConnectionLimits {
  /** Connections in all. */
  total: number;
  /** Connections of one remote address. A network may hide many clients behind one address. */
  perAddress: number;
  /** How many of `total` only an address without a connection may take. */
  reserve: number;
  /** How long a client that has sent something must have been idle before a new connection may displace its own. */
  yieldMs: number;
}

/** Bytes of earlier expositions of the metrics that responses may keep until their clients have read them. */
export interface UnreadLimits {
  plainBytes: number;
  gzipBytes: number;
}

/** Limits of an HTTP server; times in milliseconds. */
export interface HttpLimits {
  connections: ConnectionLimits;
  unread: UnreadLimits;
  headerBytes: number;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveMs: number;
  /** For a client that does not read its response. */
  idleMs: number;
  /** Interval at which the two request timeouts are checked. */
  checkEveryMs: number;
}

/** Limits of the UDP echo. */
export interface EchoLimits {
  /** Responses in all. */
  total: Rate;
  /** Responses to one remote address. */
  perAddress: Rate;
  /** How many responses of the total burst are only for quiet addresses. */
  reserve: number;
  /** How many responses of its own burst an address may have taken and still be quiet. */
  quiet: number;
  /** Number of probers that are remembered. */
  probers: number;
}

/**
 * Keep-alive is longer than common scrape intervals, so scrapers reuse their connections. The expositions of an agent
 * with as many lookups as it may have take 2.9 MB, in gzip 0.2 MB.
 */
const http = {
  unread: { plainBytes: 6 << 20, gzipBytes: 2 << 20 },
  headerBytes: 8192,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveMs: 65_000,
  idleMs: 30_000,
  checkEveryMs: 2500,
};

/** The agent's HTTP server: peers dial it, the kubelet probes it, Prometheus scrapes it. */
export const agentHttpLimits: HttpLimits = {
  connections: { total: 256, perAddress: 32, reserve: 32, yieldMs: 0 },
  ...http,
  // Each check wakes the process up.
  checkEveryMs: 5000,
};

/**
 * Send buffer of the agent's HTTP connections, in bytes. The kernel doubles it, and by default would take whole
 * expositions for clients that read nothing, in the agent's memory.
 */
export const sendBufferBytes = 64 << 10;

/** The operator's HTTP server. */
export const operatorHttpLimits: HttpLimits = {
  connections: { total: 128, perAddress: 16, reserve: 32, yieldMs: 0 },
  ...http,
};

/** Requests of one address to the operator's API. Clients behind a proxy share an address. */
export const apiRate: Rate = { perSecond: 50, burst: 200 };

/** Addresses whose rate is remembered. */
export const maxApiClients = 1024;

/** Bytes of the API's answers that responses may keep until their clients have read them. */
export const maxUnreadApiBytes = 8 << 20;

/** The sync server, for connections that no agent has authenticated yet. */
export const syncConnectionLimits: ConnectionLimits = { total: 1000, perAddress: 64, reserve: 200, yieldMs: 2000 };

/**
 * A peer's agent sends at most 10 packets a second, 20 ms apart. Where a network masquerades peers, one address stands
 * for all of them: with 50 peers, that are 500 packets a second.
 */
export const echoLimits: EchoLimits = {
  total: { perSecond: 2000, burst: 500 },
  perAddress: { perSecond: 500, burst: 250 },
  reserve: 100,
  quiet: 10,
  probers: 1024,
};

/** Connections that the kernel holds until they are accepted; it caps this at net.core.somaxconn. */
export const listenBacklog = 4096;
