/** A captured datagram to or from a UDP echo. */
export interface EchoDatagram {
  /** Seconds since the epoch. */
  at: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  /** The payload in hexadecimal digits. */
  payload: string;
}

/** A request with its answer. */
export interface CapturedEcho {
  /** `ip:port` of the other side. */
  host: string;
  /** When the answer came, in seconds since the epoch. */
  answeredAt: number;
  /** From the request to the answer. */
  seconds: number;
}

/**
 * The part of an echo that request and answer have in common: sequence (octet 6), and turn and prober (octets 16 to
 * 31).
 */
function identity(payload: string): string {
  return payload.slice(12, 14) + payload.slice(32, 64);
}

/**
 * The echoes in a capture that were asked for by this side and answered, matched by addresses, ports, turn and
 * sequence.
 * @param datagrams in the order of their times
 * @param own the address at which they were captured
 */
export function echoes(datagrams: readonly EchoDatagram[], own: string): CapturedEcho[] {
  const all: CapturedEcho[] = [];
  const open = new Map<string, number>();
  for (const { at, source, sourcePort, destination, destinationPort, payload } of datagrams) {
    if (source === own) open.set(`${sourcePort} ${destination}:${destinationPort} ${identity(payload)}`, at);
    else {
      const host = `${source}:${sourcePort}`;
      const key = `${destinationPort} ${host} ${identity(payload)}`;
      const askedAt = open.get(key);
      if (askedAt === undefined) continue;
      open.delete(key);
      all.push({ host, answeredAt: at, seconds: at - askedAt });
    }
  }
  return all;
}
