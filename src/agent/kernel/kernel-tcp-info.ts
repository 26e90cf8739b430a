/** The parts of the kernel's `struct tcp_info` (include/uapi/linux/tcp.h) that the probes use. */
export interface TcpInfo {
  /** Smoothed round-trip time in seconds: of a connection that has just been made, that of SYN and SYN-ACK. */
  rttSeconds: number;
  /** Since the last data came, or since the connection was made, in seconds, in steps of the kernel's tick. */
  sinceLastDataSeconds: number;
  /** Since the last acknowledgement came, in seconds, in steps of the kernel's tick. */
  sinceLastAckSeconds: number;
  /** Segments sent again in the connection's whole life, SYNs among them. */
  totalRetransmits: number;
}

/** How much of the structure is asked for: up to and with `tcpi_total_retrans`, which every kernel in use has. */
export const tcpInfoBytes = 104;

const lastDataRecvOffset = 52;
const lastAckRecvOffset = 56;
const rttOffset = 68;
const totalRetransOffset = 100;

/**
 * Reads what `getsockopt(TCP_INFO)` wrote.
 * @param length how many bytes the kernel says it wrote
 * @returns undefined when that is too few to hold every field that is read
 */
export function parseTcpInfo(bytes: Uint8Array, length: number): TcpInfo | undefined {
  if (length < tcpInfoBytes || bytes.byteLength < tcpInfoBytes) return undefined;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, tcpInfoBytes / 4);
  return {
    rttSeconds: words[rttOffset / 4]! / 1e6,
    sinceLastDataSeconds: words[lastDataRecvOffset / 4]! / 1e3,
    sinceLastAckSeconds: words[lastAckRecvOffset / 4]! / 1e3,
    totalRetransmits: words[totalRetransOffset / 4]!,
  };
}
