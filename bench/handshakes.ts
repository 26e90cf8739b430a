/** A captured TCP segment. */
export interface TcpSegment {
  /** Seconds since the epoch. */
  at: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  syn: boolean;
  ack: boolean;
  reset: boolean;
  /** As on the wire. */
  sequence: number;
}

/** A connection that was opened from the place of the capture. */
export interface CapturedHandshake {
  /** `ip:port` of the other side. */
  host: string;
  localPort: number;
  /** When the first SYN was sent, in seconds since the epoch. */
  startedAt: number;
  /** From the first SYN to the first SYN-ACK; undefined where none came. */
  seconds: number | undefined;
  /** SYNs that were sent again. */
  retransmits: number;
  /** When this side reset the connection: the moment at which the agent counts it. */
  resetAt: number | undefined;
}

/**
 * The handshakes in a capture, by their first SYN. A SYN with another sequence number is another connection, though the
 * ports be the same.
 * @param segments in the order of their times
 * @param own the address at which they were captured
 */
export function handshakes(segments: readonly TcpSegment[], own: string): CapturedHandshake[] {
  const all: CapturedHandshake[] = [];
  const latest = new Map<string, { handshake: CapturedHandshake; sequence: number }>();
  for (const { at, source, sourcePort, destination, destinationPort, syn, ack, reset, sequence } of segments) {
    const outgoing = source === own;
    const host = outgoing ? `${destination}:${destinationPort}` : `${source}:${sourcePort}`;
    const localPort = outgoing ? sourcePort : destinationPort;
    const key = `${localPort} ${host}`;
    const known = latest.get(key);
    if (outgoing && syn && !ack) {
      if (known?.sequence === sequence) known.handshake.retransmits++;
      else {
        const handshake = { host, localPort, startedAt: at, seconds: undefined, retransmits: 0, resetAt: undefined };
        all.push(handshake);
        latest.set(key, { handshake, sequence });
      }
    } else if (!outgoing && syn && ack && known) known.handshake.seconds ??= at - known.handshake.startedAt;
    else if (outgoing && reset && known) known.handshake.resetAt ??= at;
  }
  return all;
}
