/** A captured DNS message over UDP. */
export interface DnsDatagram {
  /** Seconds since the epoch. */
  at: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  id: number;
  response: boolean;
  /** The name in the question, without a final dot. */
  name: string;
}

/** A question with its answer. */
export interface CapturedLookup {
  name: string;
  /** When the answer came, in seconds since the epoch. */
  answeredAt: number;
  /** From the question to the answer. */
  seconds: number;
}

/**
 * The questions in a capture that were answered, each matched to its answer by addresses, ports and id.
 * @param datagrams in the order of their times
 * @param own the address at which they were captured
 */
export function lookups(datagrams: readonly DnsDatagram[], own: string): CapturedLookup[] {
  const all: CapturedLookup[] = [];
  const open = new Map<string, number>();
  for (const { at, source, sourcePort, destination, destinationPort, id, response, name } of datagrams) {
    const key = (response ? [destinationPort, source, sourcePort, id] : [sourcePort, destination, destinationPort, id])
      .join(' ')
      .concat(` ${name.toLowerCase()}`);
    if (source === own && !response) open.set(key, at);
    const askedAt = open.get(key);
    if (destination !== own || !response || askedAt === undefined) continue;
    open.delete(key);
    all.push({ name, answeredAt: at, seconds: at - askedAt });
  }
  return all;
}
