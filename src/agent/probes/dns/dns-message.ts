import packet, { type DecodedPacket } from 'dns-packet';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { recordLengthsAddUp } from './dns-record-lengths.ts';

/** The question of a query. */
export interface DnsQuestion {
  /** Without a final dot; empty for the root. */
  name: string;
  type: 'A' | 'AAAA';
}

/** A question with the ID that the answer must have, 0 to 65535. */
export interface DnsQuery extends DnsQuestion {
  id: number;
}

/** Result of an answer: the question was answered, or the reason why not. */
export type DnsVerdict =
  | 'answered'
  | Extract<FailureReason, 'nxdomain' | 'servfail' | 'rcode' | 'nodata' | 'truncated' | 'malformed'>;

const headerBytes = 12;

/**
 * Encodes a query (RFC 1035 §4.1): one question, recursion desired, no EDNS, so answers over UDP have at most 512
 * bytes.
 */
export function encodeQuery({ id, name, type }: DnsQuery): Buffer {
  return packet.encode({
    type: 'query',
    id,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: name === '' ? '.' : name, type, class: 'IN' }],
  });
}

/**
 * Validates one message from the queried server. Never throws.
 *
 * SERVFAIL and NXDOMAIN have their own reasons. REFUSED and all other error codes are `rcode`, because `refused` means
 * that nothing listens.
 * @returns undefined if the message does not answer `query` (another ID or question, or not a response): the caller
 *   keeps waiting, so forged or late messages do no harm
 */
export function judgeMessage(message: Buffer, query: DnsQuery): DnsVerdict | undefined {
  const head = decode(withoutRecords(message));
  if (head === undefined || head.type !== 'response' || opcodeOf(message) !== 0 || head.id !== query.id)
    return undefined;
  const rcode = rcodeOf(message);
  // Servers that cannot parse the question may leave it out of the error response (RFC 1035 §4.1.1, FORMERR).
  const questionless = head.questions?.length === 0 && rcode !== 0;
  if (!questionless && !isQuestion(head, query)) return undefined;
  if (head.flag_tc) return 'truncated';
  if (rcode === 2) return 'servfail';
  if (rcode === 3) return 'nxdomain';
  if (rcode !== 0) return 'rcode';
  return judgeRecords(message, query);
}

function judgeRecords(message: Buffer, query: DnsQuery): DnsVerdict {
  const decoded = decode(message);
  if (decoded === undefined || !recordLengthsAddUp(message)) return 'malformed';
  const records = (decoded.answers ?? []).filter((record) => 'class' in record && record.class === 'IN');
  const aliases = new Map<string, string>();
  const owners = new Set<string>();
  for (const record of records) {
    if (record.type === 'CNAME') aliases.set(canonical(record.name), canonical(record.data));
    if (record.type !== query.type) continue;
    owners.add(canonical(record.name));
  }
  let name: string | undefined = canonical(query.name);
  // Each step consumes an alias, so a loop ends.
  for (let steps = 0; name !== undefined && steps <= aliases.size; steps++) {
    if (owners.has(name)) return 'answered';
    name = aliases.get(name);
  }
  return 'nodata';
}

function isQuestion(head: DecodedPacket, query: DnsQuery): boolean {
  const [question, ...others] = head.questions ?? [];
  return (
    question !== undefined &&
    others.length === 0 &&
    canonical(question.name) === canonical(query.name) &&
    question.type === query.type &&
    question.class === 'IN'
  );
}

/**
 * The message with the record counts cleared except that of questions, so header and question can be parsed whatever
 * follows them.
 */
function withoutRecords(message: Buffer): Buffer {
  const head = Buffer.from(message);
  head.fill(0, Math.min(6, head.length), Math.min(headerBytes, head.length));
  return head;
}

function decode(message: Buffer): DecodedPacket | undefined {
  try {
    const decoded = packet.decode(message);
    return packet.decode.bytes <= message.length ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function opcodeOf(message: Buffer): number {
  return (message[2]! >> 3) & 0x0f;
}

function rcodeOf(message: Buffer): number {
  return message[3]! & 0x0f;
}

function canonical(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}
