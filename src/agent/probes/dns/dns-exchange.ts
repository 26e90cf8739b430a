import type { FailureReason } from '../../../contract/failure-reason.ts';
import type { ProbeContext, Timing } from '../probe.ts';
import { exchangeOverUdp } from '../udp-exchange.ts';
import { type DnsQuery, type DnsVerdict, encodeQuery, judgeMessage } from './dns-message.ts';

/** A DNS server's address; `host` is an IP address. */
export interface DnsServer {
  host: string;
  port: number;
}

/** What came of one question. */
export interface DnsExchange {
  verdict: DnsVerdict | FailureReason;
  /** From the question to its answer (over TCP: from the SYN), or until it was given up. */
  seconds: number;
  timing: Timing;
  /** TCP segments that were sent again. */
  retransmits: number;
}

/**
 * Asks one question, on a socket of its own. It resolves for whatever the network and the server do.
 * @throws the signal's reason when aborted; the system's error when the fault is the agent's
 */
export type AskDns = (server: DnsServer, query: DnsQuery, context: ProbeContext) => Promise<DnsExchange>;

/** Asks over UDP (RFC 1035 §4.2.1). */
export const askOverUdp: AskDns = async (server, query, context) => {
  const judge = (message: Buffer) => judgeMessage(message, query);
  const { outcome, seconds, timing } = await exchangeOverUdp(server, encodeQuery(query), judge, context);
  return { verdict: outcome, seconds, timing, retransmits: 0 };
};
