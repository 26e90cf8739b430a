import { randomInt } from 'node:crypto';
import { monotonicNs, secondsSince } from '../../../base/clock.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { candidateNames, type ResolverOptions } from '../dns-names.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { type AskDns, askOverUdp, type DnsExchange, type DnsServer } from './dns-exchange.ts';
import { askOverTcp } from './dns-tcp.ts';

/** A name to look up at a server. */
export interface DnsSubject {
  /** The name as in the resource: with a final dot it is queried as it is, without one with the search list. */
  name: string;
  server: DnsServer;
  protocol: 'UDP' | 'TCP';
  type: 'A' | 'AAAA';
  resolver: ResolverOptions;
}

/**
 * Looks up a name like the stub resolver of a workload. The whole lookup is one attempt: its latency is the sum of the
 * durations of its queries, and `timeoutMs` applies to all of them, without the time in which the process had not
 * looked yet. Without the kernel's time of one of them there is no latency. Queries are not retried, but one whose
 * answer over UDP is truncated is asked again over TCP (RFC 7766 §5).
 *
 * Reasons: `refused` (nothing listens: ICMP port unreachable or RST), `rcode` (an error code other than NXDOMAIN and
 * SERVFAIL, such as REFUSED), `nodata` (a name that has records of neither type), `truncated` (and no answer over
 * TCP), `malformed` (only invalid messages).
 * @throws DnsNameError for an invalid name; otherwise like every `Probe`
 */
export const dnsProbe: Probe<DnsSubject> = async (target, context): Promise<ProbeResult> => {
  const lookup = new Lookup(target, context);
  const failure = await lookup.run();
  const { seconds, retransmits } = lookup;
  return {
    latencies: failure === undefined && seconds !== undefined ? [seconds] : [],
    failures: failure === undefined ? [] : [failure],
    retransmits,
    timing: context.kernel ? 'kernel' : 'clock',
  };
};

class Lookup {
  /** Duration of the queries so far; undefined if that of one is unknown. */
  seconds: number | undefined = 0;
  retransmits = 0;
  readonly #target: DnsSubject;
  readonly #context: ProbeContext;
  readonly #ask: AskDns;
  /** What is left of the timeout. */
  #remainingMs: number;

  constructor(target: DnsSubject, context: ProbeContext) {
    this.#target = target;
    this.#context = context;
    this.#remainingMs = context.timeoutMs;
    this.#ask = target.protocol === 'TCP' ? askOverTcp : askOverUdp;
  }

  /** Queries the names in order. @returns the reason of the failure; undefined if one was answered */
  async run(): Promise<FailureReason | undefined> {
    const missed: FailureReason[] = [];
    for (const name of candidateNames(this.#target.name, this.#target.resolver)) {
      const { verdict, seconds } = await this.#question(name, this.#target.type);
      this.seconds = sum(this.seconds, seconds);
      if (verdict === 'answered') return undefined;
      const failure = verdict === 'nodata' ? await this.#failureByOtherFamily(name) : verdict;
      if (failure === undefined) return undefined;
      if (!goesOn.has(failure)) return failure;
      missed.push(failure);
    }
    return worstFirst.find((reason) => missed.includes(reason));
  }

  /**
   * A name with addresses of one family has no record of the other type: every Service of a cluster with IPv6 only, for
   * example. That is not a failure: the query was answered.
   */
  async #failureByOtherFamily(name: string): Promise<FailureReason | undefined> {
    const { verdict } = await this.#question(name, this.#target.type === 'A' ? 'AAAA' : 'A');
    if (verdict === 'answered') return undefined;
    if (verdict === 'nodata' || verdict === 'nxdomain') return 'nodata';
    // Whether A lookups work is measured by the probe for A.
    return this.#target.type === 'A' ? verdict : undefined;
  }

  async #question(name: string, type: DnsSubject['type']): Promise<DnsExchange> {
    const exchange = await this.#askBy(this.#ask, name, type);
    if (exchange.verdict !== 'truncated' || this.#target.protocol === 'TCP') return exchange;
    const again = await this.#askBy(askOverTcp, name, type);
    const seconds = sum(exchange.seconds, again.seconds);
    // What the server says over TCP counts, even if that is an error. Otherwise the truncation fails the lookup.
    return answers.has(again.verdict) ? { ...again, seconds } : { ...exchange, seconds };
  }

  async #askBy(ask: AskDns, name: string, type: DnsSubject['type']): Promise<DnsExchange> {
    const query = { id: randomInt(0x1_0000), name, type };
    const startedAt = monotonicNs();
    const exchange = await ask(this.#target.server, query, { ...this.#context, timeoutMs: this.#remainingMs });
    const spentMs = (exchange.seconds ?? secondsSince(startedAt)) * 1000;
    this.#remainingMs = Math.max(0, this.#remainingMs - spentMs);
    this.retransmits += exchange.retransmits;
    return exchange;
  }
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}

/** Outcomes of a query over TCP that are an answer to it. */
const answers = new Set<DnsExchange['verdict']>(['answered', 'nxdomain', 'servfail', 'rcode', 'nodata']);

/**
 * After these outcomes, libc tries the next name of the search list. If none is answered, the first of these that
 * occurred is the reason.
 */
const worstFirst: FailureReason[] = ['nodata', 'servfail', 'nxdomain'];
const goesOn = new Set<DnsExchange['verdict']>(worstFirst);
