const headerBytes = 12;
/** Type, class, TTL and the length of the data. */
const fixedBytes = 10;

/** Data length of address records by type, in bytes (RFC 1035 §3.4.1, RFC 3596 §2.2). Other types have any length. */
const addressBytes: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [28, 16],
]);

/**
 * Whether the message contains all records that its header announces, and each address record has the right length (RFC
 * 1035 §4.1.3). dns-packet ignores the length field of address records and reads past the end of the message.
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

/** Returns the end of the name at `offset`: after its root label, or after a compression pointer (RFC 1035 §4.1.4). */
function nameEnd(message: Buffer, offset: number): number | undefined {
  for (;;) {
    const octet = message[offset];
    if (octet === undefined) return undefined;
    if (octet === 0) return offset + 1;
    if (octet >= 0xc0) return offset + 2;
    // The other two values of the high bits are for label types that are not in use.
    if (octet > 0x3f) return undefined;
    offset += 1 + octet;
  }
}
