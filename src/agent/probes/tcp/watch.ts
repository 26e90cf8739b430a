/**
 * Time to wait for a reset, at least, in milliseconds: a server that rejects a connection after the handshake does so
 * one round trip later at the earliest. Limited, because a handshake with a lost SYN takes much longer than a round
 * trip.
 */
export function watchMs(handshakeSeconds: number): number {
  return Math.min(20 + 2 * handshakeSeconds * 1000, 200);
}
