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
  /** Identifies the echo in the captures of both sides. */
  key: string;
}

/** Which end of the echoes a capture was made at. */
type End = 'prober' | 'responder';

/**
 * The part of an echo that request and answer have in common: sequence (octet 6), and turn and prober (octets 20 to
 * 31).
 */
function identity(payload: string): string {
  return payload.slice(12, 14) + payload.slice(40, 64);
}

/**
 * The answered echoes in a capture, matched by addresses, ports, turn and sequence: those that this side asked for, or,
 * as `responder`, those that it answered.
 * @param datagrams in the order of their times
 * @param own the address at which they were captured
 */
export function echoes(datagrams: readonly EchoDatagram[], own: string, end: End = 'prober'): CapturedEcho[] {
  const all: CapturedEcho[] = [];
  const open = new Map<string, number>();
  for (const { at, source, sourcePort, destination, destinationPort, payload } of datagrams) {
    const [here, there] = [`${source}:${sourcePort}`, `${destination}:${destinationPort}`];
    if ((source === own) === (end === 'prober')) open.set(`${here} ${there} ${identity(payload)}`, at);
    else {
      const key = `${there} ${here} ${identity(payload)}`;
      const askedAt = open.get(key);
      if (askedAt === undefined) continue;
      open.delete(key);
      all.push({ host: end === 'prober' ? here : there, answeredAt: at, seconds: at - askedAt, key });
    }
  }
  return all;
}
