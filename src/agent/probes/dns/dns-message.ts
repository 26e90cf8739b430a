import packet from 'dns-packet';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { internetClass, readAnswer, recordTypes, sectionCounts } from './dns-answer.ts';
import { headerBytes, NameReader, nameEnd } from './dns-names-on-wire.ts';

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

/** A query that is ready to be sent, and to be compared with what comes back. */
export interface EncodedQuery extends DnsQuery {
  message: Buffer;
  /** The name as in `NameReader`. */
  asked: string;
}

/** Result of an answer: the question was answered, or the reason why not. */
export type DnsVerdict =
  | 'answered'
  | Extract<FailureReason, 'nxdomain' | 'servfail' | 'rcode' | 'nodata' | 'truncated' | 'malformed'>;

/** The most questions that are kept encoded: those of an agent with many names. */
const maxEncoded = 256;
/** Encoded questions with ID 0, by type and name. Each is asked again and again. */
const encodedQuestions = new Map<string, Pick<EncodedQuery, 'message' | 'asked'>>();

/**
 * Encodes a query (RFC 1035 §4.1): one question, recursion desired, no EDNS, so answers over UDP have at most 512
 * bytes.
 */
export function encodeQuery({ id, name, type }: DnsQuery): EncodedQuery {
  const key = `${type} ${name}`;
  const known = encodedQuestions.get(key);
  const { message: template, asked } = known ?? encodeQuestion({ name, type });
  if (!known) {
    if (encodedQuestions.size === maxEncoded) encodedQuestions.clear();
    encodedQuestions.set(key, { message: template, asked });
  }
  const message = Buffer.from(template);
  message[0] = id >> 8;
  message[1] = id;
  return { id, name, type, message, asked };
}

function encodeQuestion({ name, type }: DnsQuestion): Pick<EncodedQuery, 'message' | 'asked'> {
  const message = packet.encode({
    type: 'query',
    id: 0,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: name === '' ? '.' : name, type, class: 'IN' }],
  });
  return { message, asked: nameOf(message)! };
}

/** Whether a message has the query's ID, which an attacker who does not see the query has to guess. */
export function hasIdOf({ id }: DnsQuery, message: Buffer): boolean {
  return message.length >= headerBytes && message.readUInt16BE(0) === id;
}

/**
 * Validates one message from the queried server. Never throws. The header is checked first, so messages that are not
 * the answer cost next to nothing, and of the answer only what decides is decoded.
 *
 * SERVFAIL and NXDOMAIN have their own reasons. REFUSED and all other error codes are `rcode`, because `refused` means
 * that nothing listens.
 * @returns undefined if the message does not answer `query` (another ID or question, or not a response): the caller
 *   keeps waiting, so forged or late messages do no harm
 */
export function judgeMessage(message: Buffer, query: EncodedQuery): DnsVerdict | undefined {
  if (!hasIdOf(query, message)) return undefined;
  const [flags, codes] = [message[2]!, message[3]!];
  const [isResponse, opcode, isTruncated, rcode] = [flags >> 7 === 1, (flags >> 3) & 0x0f, flags & 2, codes & 0x0f];
  if (!isResponse || opcode !== 0) return undefined;
  const { questions } = sectionCounts(message);
  // Servers that cannot parse the question may leave it out of the error response (RFC 1035 §4.1.1, FORMERR).
  const isQuestionless = questions === 0 && rcode !== 0;
  if (!isQuestionless && (questions !== 1 || !hasQuestionOf(query, message))) return undefined;
  if (isTruncated) return 'truncated';
  if (rcode === 2) return 'servfail';
  if (rcode === 3) return 'nxdomain';
  if (rcode !== 0) return 'rcode';
  return judgeRecords(message, query);
}

function judgeRecords(message: Buffer, { type, asked }: EncodedQuery): DnsVerdict {
  const records = readAnswer(message, type);
  if (!records) return 'malformed';
  const { owners, aliases } = records;
  let name: string | undefined = asked;
  // Each step consumes an alias, so a loop ends.
  for (let steps = 0; name !== undefined && steps <= aliases.size; steps++) {
    if (owners.has(name)) return 'answered';
    name = aliases.get(name);
  }
  return 'nodata';
}

/** Whether the question is that of the query. Most servers repeat it octet by octet. */
function hasQuestionOf({ message: asking, asked, type }: EncodedQuery, message: Buffer): boolean {
  const end = asking.length;
  if (message.length >= end && message.compare(asking, headerBytes, end, headerBytes, end) === 0) return true;
  return nameOf(message) === asked && hasType(message, type);
}

/** The name in the question. */
function nameOf(message: Buffer): string | undefined {
  return new NameReader(message).read(headerBytes);
}

/** Whether the question is for this type and class IN. */
function hasType(message: Buffer, type: DnsQuery['type']): boolean {
  const end = nameEnd(message, headerBytes);
  if (end === undefined || end + 4 > message.length) return false;
  return message.readUInt16BE(end) === recordTypes[type] && message.readUInt16BE(end + 2) === internetClass;
}
