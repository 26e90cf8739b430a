import { randomInt } from 'node:crypto';
import { systemClock } from '../../../base/clock.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { candidateNames, type ResolverOptions } from '../dns-names.ts';
import type { Probe, ProbeContext, ProbeResult, Timing } from '../probe.ts';
import { type AskDns, askOverUdp, type DnsExchange, type DnsServer } from './dns-exchange.ts';
import { askOverTcp } from './dns-tcp.ts';

/** A name to look up at a server. */
export interface DnsSubject {
  /** As it is written in the resource: with a final dot it is asked as it is, without one through the search list. */
  name: string;
  server: DnsServer;
  protocol: 'UDP' | 'TCP';
  type: 'A' | 'AAAA';
  resolver: ResolverOptions;
}

/**
 * Looks a name up on the wire, as the stub resolver of a workload does. The whole lookup is one measured attempt: its latency is the sum of
 * its questions' durations, and `timeoutMs` is for all of it. No question is asked twice.
 *
 * Reasons: `refused` is nobody listening (ICMP port unreachable, RST), `rcode` any rcode but NXDOMAIN and SERVFAIL (thus also REFUSED),
 * `nodata` an answer without a record of the type, `malformed` messages but no answer among them.
 * @throws DnsNameError for a name that cannot be asked for, and as every `Probe`
 */
export const dnsProbe: Probe<DnsSubject> = async (target, context): Promise<ProbeResult> => {
  const lookup = new Lookup(target, context);
  const failure = await lookup.run();
  const { seconds, timing, retransmits } = lookup;
  return {
    latencies: failure === undefined ? [seconds] : [],
    failures: failure === undefined ? [] : [failure],
    retransmits,
    timing,
  };
};

class Lookup {
  seconds = 0;
  retransmits = 0;
  timing: Timing;
  readonly #target: DnsSubject;
  readonly #context: ProbeContext;
  readonly #deadline: number;
  readonly #ask: AskDns;

  constructor(target: DnsSubject, context: ProbeContext) {
    this.#target = target;
    this.#context = context;
    this.#deadline = systemClock.monotonic() + context.timeoutMs;
    this.#ask = target.protocol === 'TCP' ? askOverTcp : askOverUdp;
    this.timing = target.protocol === 'UDP' && context.kernel ? 'kernel' : 'clock';
  }

  /** Tries the names in turn. @returns why there is no answer; undefined when there is one */
  async run(): Promise<FailureReason | undefined> {
    const missed: FailureReason[] = [];
    for (const name of candidateNames(this.#target.name, this.#target.resolver)) {
      const { verdict, seconds, timing } = await this.#question(name, this.#target.type);
      this.seconds += seconds;
      if (timing === 'clock') this.timing = timing;
      if (verdict === 'answered') return undefined;
      if (verdict === 'nodata' && (await this.#isOnlyWithoutAaaa(name))) return undefined;
      if (!goesOn.has(verdict)) return verdict;
      missed.push(verdict);
    }
    return worstFirst.find((reason) => missed.includes(reason));
  }

  /** A name with IPv4 addresses only has no AAAA, and that is no error: the question was answered. */
  async #isOnlyWithoutAaaa(name: string): Promise<boolean> {
    if (this.#target.type !== 'AAAA') return false;
    const { verdict } = await this.#question(name, 'A');
    // Only an answer that there is none says so; whether A can be looked up is the business of another probe.
    return verdict !== 'nodata' && verdict !== 'nxdomain';
  }

  async #question(name: string, type: DnsSubject['type']): Promise<DnsExchange> {
    const timeoutMs = Math.max(0, this.#deadline - systemClock.monotonic());
    const query = { id: randomInt(0x1_0000), name, type };
    const exchange = await this.#ask(this.#target.server, query, { ...this.#context, timeoutMs });
    this.retransmits += exchange.retransmits;
    return exchange;
  }
}

/** After these the C library's resolver tries the next name of the search list; at the end the first of them that occurred counts. */
const worstFirst: FailureReason[] = ['nodata', 'servfail', 'nxdomain'];
const goesOn = new Set<DnsExchange['verdict']>(worstFirst);
