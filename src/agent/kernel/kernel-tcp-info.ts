/** The fields of `struct tcp_info` (include/uapi/linux/tcp.h) that the probes use. */
export interface TcpInfo {
  /** Whether the connection is established, and neither side has closed or reset it. */
  isEstablished: boolean;
  /** Smoothed round-trip time in seconds; right after the handshake, that of SYN and SYN-ACK. */
  rttSeconds: number;
  /** Time since the last acknowledgement was received, in seconds; a multiple of the kernel tick. */
  sinceLastAckSeconds: number;
  /** Number of retransmitted segments over the life of the connection, including SYNs. */
  totalRetransmits: number;
}

/** Number of bytes to request: up to and including `tcpi_total_retrans`, which every kernel in use has. */
export const tcpInfoBytes = 104;

/** TCP_ESTABLISHED (include/net/tcp_states.h), a value of the first byte. */
const established = 1;
const lastAckRecvOffset = 56;
const rttOffset = 68;
const totalRetransOffset = 100;

/**
 * Parses the result of `getsockopt(TCP_INFO)`.
 * @param length number of bytes that the kernel wrote
 * @returns undefined if that is too short for the fields above
 */
export function parseTcpInfo(bytes: Uint8Array, length: number): TcpInfo | undefined {
  if (length < tcpInfoBytes || bytes.byteLength < tcpInfoBytes) return undefined;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, tcpInfoBytes / 4);
  return {
    isEstablished: bytes[0] === established,
    rttSeconds: words[rttOffset / 4]! / 1e6,
    sinceLastAckSeconds: words[lastAckRecvOffset / 4]! / 1e3,
    totalRetransmits: words[totalRetransOffset / 4]!,
  };
}
