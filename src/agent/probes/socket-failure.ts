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
  // No address of our own to reach it from: IPv6 is off, or the machine has no such route.
  ['EADDRNOTAVAIL', 'unreachable'],
  ['EAFNOSUPPORT', 'unreachable'],
  // Routes of the types prohibit and blackhole (ip-route(8)), ICMPv6 "administratively prohibited", and a local firewall.
  ['EACCES', 'unreachable'],
  ['EINVAL', 'unreachable'],
  ['EPERM', 'unreachable'],
]);

/**
 * What an error of a socket says of the network.
 * @returns undefined for an error that is the agent's own fault, such as EMFILE or ENOBUFS
 */
export function socketFailure(error: unknown): FailureReason | undefined {
  return reasons.get(String((error as NodeJS.ErrnoException | null)?.code));
}
