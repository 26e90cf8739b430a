import { exchangeOverUdp } from '../udp-exchange.ts';
import type { AskDns } from './dns-exchange.ts';
import { encodeQuery, judgeMessage } from './dns-message.ts';

/** Asks over UDP (RFC 1035 §4.2.1). */
export const askOverUdp: AskDns = async (server, query, context) => {
  const judge = (message: Buffer) => judgeMessage(message, query);
  const { outcome, seconds, timing } = await exchangeOverUdp(server, encodeQuery(query), judge, context);
  return { verdict: outcome, seconds, timing, retransmits: 0 };
};
