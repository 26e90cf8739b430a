import { headerBytes, NameReader, nameEnd } from './dns-names-on-wire.ts';

/** Number of records in the sections of a message, as its header says. */
export interface SectionCounts {
  questions: number;
  answers: number;
  authorities: number;
  additionals: number;
}

/** The records of an answer that matter for a question. Names are those of `NameReader`. */
export interface AnswerRecords {
  /** Owners of records of the type. */
  owners: Set<string>;
  /** Canonical name by alias. */
  aliases: Map<string, string>;
}

/** Type, class, TTL and the length of the data. */
const fixedBytes = 10;
/** A root name, type and class. */
const shortestQuestionBytes = 5;
const shortestRecordBytes = 1 + fixedBytes;

export const recordTypes = { A: 1, CNAME: 5, AAAA: 28 } as const;
export const internetClass = 1;

/** Data length of address records by type, in bytes (RFC 1035 §3.4.1, RFC 3596 §2.2). Other types have any length. */
const addressBytes: ReadonlyMap<number, number> = new Map([
  [recordTypes.A, 4],
  [recordTypes.AAAA, 16],
]);

/** Reads the counts of a message that is at least as long as a header. */
export function sectionCounts(message: Buffer): SectionCounts {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  return { questions, answers, authorities, additionals };
}

/**
 * Reads a response with one question (RFC 1035 §4.1.3). All records must be complete, and address records must have the
 * right length. The data of other records is not decoded, so its cost does not depend on what the server puts there.
 * @returns undefined if the message is malformed
 */
export function readAnswer(message: Buffer, type: keyof typeof recordTypes): AnswerRecords | undefined {
  const counts = sectionCounts(message);
  const records = counts.answers + counts.authorities + counts.additionals;
  const shortest = headerBytes + shortestQuestionBytes * counts.questions + shortestRecordBytes * records;
  if (counts.questions !== 1 || shortest > message.length) return undefined;
  const names = new NameReader(message);
  const found: AnswerRecords = { owners: new Set(), aliases: new Map() };
  let offset = (nameEnd(message, headerBytes) ?? message.length) + 4;
  for (let record = 0; record < records; record++) {
    const start = nameEnd(message, offset);
    if (start === undefined || start + fixedBytes > message.length) return undefined;
    const recordType = message.readUInt16BE(start);
    const dataBytes = message.readUInt16BE(start + 8);
    const data = start + fixedBytes;
    if (dataBytes !== (addressBytes.get(recordType) ?? dataBytes)) return undefined;
    const isRelevant = record < counts.answers && message.readUInt16BE(start + 2) === internetClass;
    if (isRelevant && (recordType === recordTypes[type] || recordType === recordTypes.CNAME)) {
      const owner = names.read(offset);
      if (owner === undefined) return undefined;
      if (recordType === recordTypes[type]) found.owners.add(owner);
      else {
        const target = nameEnd(message, data) === data + dataBytes ? names.read(data) : undefined;
        if (target === undefined) return undefined;
        found.aliases.set(owner, target);
      }
    }
    offset = data + dataBytes;
  }
  return offset <= message.length ? found : undefined;
}
