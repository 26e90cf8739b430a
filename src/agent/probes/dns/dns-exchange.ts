import type { FailureReason } from '../../../contract/failure-reason.ts';
import type { ProbeContext, Timing } from '../probe.ts';
import type { DnsQuery, DnsVerdict } from './dns-message.ts';

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
