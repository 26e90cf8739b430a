/** Length of a message's header, in bytes. */
export const headerBytes = 12;

/** Maximum length of a name, in bytes (RFC 1035 §2.3.4). */
const maxNameBytes = 255;

/** Maximum number of labels that are read of one message. An honest message of 64 KiB has fewer. */
const maxLabels = 8192;

/** Returns the end of the name at `offset`: after its root label, or after a compression pointer (RFC 1035 §4.1.4). */
export function nameEnd(message: Buffer, offset: number): number | undefined {
  for (let at = offset; ; ) {
    const octet = message[at];
    if (octet === undefined) return undefined;
    if (octet === 0) return at + 1;
    if (octet >= 0xc0) return at + 2;
    // The other two values of the high bits are for label types that are not in use.
    if (octet > 0x3f) return undefined;
    at += 1 + octet;
  }
}

/**
 * Reads the names of one message, in total at a bounded cost: a server chooses how many names there are, and with
 * compression pointers each may be as long as the longest name.
 */
export class NameReader {
  readonly #message: Buffer;
  /** By offset, because most names of a message are pointers to a few others. */
  readonly #known = new Map<number, string | undefined>();
  #labels = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /**
   * Reads a name in its wire format without compression, in lower case: two names are the same if these are.
   * @returns undefined if it is invalid, or the message has too many names
   */
  read(offset: number): string | undefined {
    const octet = this.#message[offset];
    const start = octet !== undefined && octet >= 0xc0 ? this.#target(offset, offset) : offset;
    if (start === undefined) return undefined;
    const known = this.#known.get(start);
    if (known !== undefined) return known;
    const name = this.#follow(start);
    this.#known.set(start, name);
    return name;
  }

  #follow(start: number): string | undefined {
    const message = this.#message;
    let name = '';
    // Pointers lead to ever earlier names, so a loop ends.
    let first = start;
    for (let at = start; ; ) {
      const octet = message[at];
      if (octet === undefined || ++this.#labels > maxLabels) return undefined;
      if (octet >= 0xc0) {
        const target = this.#target(at, first);
        if (target === undefined) return undefined;
        at = first = target;
        continue;
      }
      if (octet > 0x3f || at + 1 + octet > message.length) return undefined;
      name += message.toString('latin1', at, at + 1 + octet);
      if (name.length > maxNameBytes) return undefined;
      if (octet === 0) return name.toLowerCase();
      at += 1 + octet;
    }
  }

  /** The offset that the pointer at `at` contains; undefined unless it is before `limit` and behind the header. */
  #target(at: number, limit: number): number | undefined {
    if (at + 2 > this.#message.length) return undefined;
    const target = this.#message.readUInt16BE(at) & 0x3fff;
    return target >= headerBytes && target < limit ? target : undefined;
  }
}
