import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { candidateNames, type ResolverOptions } from '../dns-names.ts';
import type { AddressLookup } from '../peer-lookup.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { exchangeOverUdp, type UdpExchange } from '../udp-exchange.ts';
import { compareClocks, encodeRequest, judgeAnswer, type NtpVerdict } from './ntp-message.ts';

/** An NTP server to query. */
export interface NtpSubject {
  /**
   * An address, or a name as in the resource: with a final dot it is looked up as it is, without one with the search
   * list.
   */
  host: string;
  port: number;
  resolver: ResolverOptions;
}

/**
 * Queries an NTP server once (RFC 5905 client). The latency is the round-trip time including the processing time of the
 * server. The lookup of a name is not part of it, but is within `timeoutMs`.
 *
 * Reasons: `lookup` (the name has no address), `unsynchronized` (the server does not know the time), `kiss_of_death`
 * (the server demands fewer requests or none), `malformed` (only invalid messages, or an answer that cannot be right).
 * @param lookup resolves names
 * @throws DnsNameError for an invalid name; otherwise like every `Probe`
 */
export function ntpProbe(lookup: AddressLookup): Probe<NtpSubject> {
  return async ({ host, port, resolver }, context) => {
    const deadline = systemClock.monotonic() + context.timeoutMs;
    const addresses = isIP(host) === 0 ? await addressesOf(candidateNames(host, resolver), lookup, context) : [host];
    let exchange: UdpExchange<NtpVerdict> | undefined;
    for (const address of addresses) {
      const timeoutMs = Math.max(0, deadline - systemClock.monotonic());
      exchange = await ask({ host: address, port }, { ...context, timeoutMs });
      // This machine may have no route for one address family.
      if (exchange.outcome !== 'unreachable') break;
    }
    return exchange ? resultOf(exchange) : failed('lookup', context.kernel ? 'kernel' : 'clock');
  };
}

function ask(server: { host: string; port: number }, context: ProbeContext): Promise<UdpExchange<NtpVerdict>> {
  const cookie = randomBytes(8).readBigUInt64BE();
  return exchangeOverUdp(server, encodeRequest(cookie), (message) => judgeAnswer(message, cookie), context);
}

function resultOf({ outcome, seconds, timing, times }: UdpExchange<NtpVerdict>): ProbeResult {
  if (typeof outcome === 'string') return failed(outcome, timing);
  if (outcome.kind === 'failure') return failed(outcome.reason, timing);
  if (outcome.kind === 'kiss') return { ...failed('kiss_of_death', timing), kiss: outcome.code };
  const compared = times && compareClocks(times, outcome);
  if (times && !compared) return failed('malformed', timing);
  const clock = { stratum: outcome.stratum, offsetSeconds: compared?.offsetSeconds };
  return { latencies: [seconds], failures: [], retransmits: 0, timing, clock };
}

function failed(reason: FailureReason, timing: ProbeResult['timing']): ProbeResult {
  return { latencies: [], failures: [reason], retransmits: 0, timing };
}

/**
 * Returns the first address of each family, IPv4 first. Empty if the name has none, the resolver does not answer, or
 * the time is up.
 * @param names to try in order
 * @throws the reason of the signal if aborted
 */
function addressesOf(names: string[], lookup: AddressLookup, { timeoutMs, signal }: ProbeContext): Promise<string[]> {
  const search = async (): Promise<string[]> => {
    for (const name of names) {
      const { A, AAAA } = await lookup(`${name}.`);
      const found = [...(A ?? []).slice(0, 1), ...(AAAA ?? []).slice(0, 1)];
      // A resolver that does not answer would not answer for the next name either.
      if (found.length > 0 || !A || !AAAA || signal.aborted) return found;
    }
    return [];
  };
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const cancelTimeout = afterDelay(timeoutMs, () => end(() => resolve([])));
    signal.addEventListener('abort', onAbort, { once: true });
    search().then((found) => end(() => resolve(found)), reject);
  });
}
