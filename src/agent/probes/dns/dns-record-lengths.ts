const headerBytes = 12;
/** Type, class, TTL and the length of the data. */
const fixedBytes = 10;

/** Octets of data that a record of this type has (RFC 1035 §3.4.1, RFC 3596 §2.2); all others may have any number. */
const addressBytes: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [28, 16],
]);

/**
 * Whether all records that a message says it has are in it, and each address is as long as an address (RFC 1035 §4.1.3). The library that
 * decodes messages reads addresses without a look at the length that the record gives, and past the end of the message.
 */
export function recordLengthsAddUp(message: Buffer): boolean {
  if (message.length < headerBytes) return false;
  const count = (field: number) => message.readUInt16BE(4 + 2 * field);
  let offset: number | undefined = headerBytes;
  for (let questions = count(0); questions > 0; questions--) {
    offset = nameEnd(message, offset);
    if (offset === undefined) return false;
    offset += 4;
  }
  for (let records = count(1) + count(2) + count(3); records > 0; records--) {
    const start = nameEnd(message, offset);
    if (start === undefined || start + fixedBytes > message.length) return false;
    const dataBytes = message.readUInt16BE(start + 8);
    if (dataBytes !== (addressBytes.get(message.readUInt16BE(start)) ?? dataBytes)) return false;
    offset = start + fixedBytes + dataBytes;
  }
  return offset <= message.length;
}

/** Where a name ends that begins at `offset`: behind its root label or behind the pointer to the rest of it (RFC 1035 §4.1.4). */
function nameEnd(message: Buffer, offset: number): number | undefined {
  for (;;) {
    const octet = message[offset];
    if (octet === undefined) return undefined;
    if (octet === 0) return offset + 1;
    if (octet >= 0xc0) return offset + 2;
    // The other two high bits are for kinds of labels that never came to be.
    if (octet > 0x3f) return undefined;
    offset += 1 + octet;
  }
}
