import type { FailureReason } from '../../../contract/failure-reason.ts';
import type { ProbeContext } from '../probe.ts';
import { exchangeOverUdp } from '../udp-exchange.ts';
import { type DnsQuery, type DnsVerdict, encodeQuery, hasIdOf, judgeMessage } from './dns-message.ts';

/** Address of a DNS server; `host` is an IP address. */
export interface DnsServer {
  host: string;
  port: number;
}

/** Result of one query. */
export interface DnsExchange {
  verdict: DnsVerdict | FailureReason;
  /**
   * From the query (over TCP: from the SYN) until the answer, by the kernel if it times probes. Undefined if the
   * kernel's times cannot be right.
   */
  seconds: number | undefined;
  /** Number of retransmitted SYNs. */
  retransmits: number;
}

/**
 * Sends one query on its own socket. Resolves for everything that the network and the server do.
 * @throws the reason of the signal if aborted; a system error if the agent is at fault
 */
export type AskDns = (server: DnsServer, query: DnsQuery, context: ProbeContext) => Promise<DnsExchange>;

/** After so many messages with the query's ID that are not the answer, an exchange ends as `malformed`. */
export const maxPassedOver = 16;

/**
 * Sends a query over UDP (RFC 1035 §4.2.1). Thousands of messages with another ID are ignored (`exchangeOverUdp`): if
 * a few ended the exchange, an attacker could make lookups fail without guessing the ID (RFC 5452 §9.1).
 */
export const askOverUdp: AskDns = async (server, query, context) => {
  const encoded = encodeQuery(query);
  let passedOver = 0;
  const judge = (message: Buffer) => {
    const verdict = judgeMessage(message, encoded);
    if (verdict !== undefined || !hasIdOf(query, message)) return verdict;
    return ++passedOver === maxPassedOver ? 'malformed' : undefined;
  };
  // Not polled as over TCP: the sockets are kept, and waking up for an answer costs less than looking for it.
  const { outcome, seconds, timing } = await exchangeOverUdp(server, encoded.message, judge, context);
  const isKnown = !context.kernel || timing === 'kernel';
  return { verdict: outcome, seconds: isKnown ? seconds : undefined, retransmits: 0 };
};

/** DNS has no reason `reset`: something rejected the connection. */
export function asRefused(failure: FailureReason): FailureReason {
  return failure === 'reset' ? 'refused' : failure;
}
