import type { FailureReason } from '../../contract/failure-reason.ts';

const reasons = new Map<string, FailureReason>([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ENONET', 'unreachable'],
  // ICMP "fragmentation needed" (RFC 1191), a kind of "destination unreachable".
  ['EMSGSIZE', 'unreachable'],
  // Other ICMP errors: protocol unreachable, source route failed, parameter problem.
  ['ENOPROTOOPT', 'unreachable'],
  ['EOPNOTSUPP', 'unreachable'],
  ['EPROTO', 'unreachable'],
  // No source address to reach it from: IPv6 is disabled, or there is no route.
  ['EADDRNOTAVAIL', 'unreachable'],
  ['EAFNOSUPPORT', 'unreachable'],
  // Routes of the types prohibit and blackhole (ip-route(8)), ICMPv6 "administratively prohibited", and a local
  // firewall.
  ['EACCES', 'unreachable'],
  ['EINVAL', 'unreachable'],
  ['EPERM', 'unreachable'],
]);

/** Errors of send(2) on a socket without data in flight: the queue of the network interface dropped the datagram. */
const droppedAtOnce: readonly string[] = ['ENOBUFS', 'EAGAIN'];

/**
 * Maps a socket error to a failure reason.
 * @returns undefined if the agent itself is at fault, for example EMFILE, or ENOBUFS of another call than send(2)
 */
export function socketFailure(error: unknown): FailureReason | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (syscall === 'send' && code !== undefined && droppedAtOnce.includes(code)) return 'unreachable';
  return reasons.get(String(code));
}

/**
 * Makes a system call, and makes it again if it fails with an error that is not the network's: the errno is read after
 * the call, so it may be that of another one in between.
 */
export function retried<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    if (socketFailure(error) !== undefined) throw error;
    return call();
  }
}
