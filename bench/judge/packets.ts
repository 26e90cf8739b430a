import type { Random } from '../../soak/random.ts';

/** How an attempt reaches its target. */
export type Via = 'peer' | 'service' | 'server' | 'resolver';

/** What a fault has to know of a packet. Nodes are numbers; −1 is outside of the cluster. */
export interface Path {
  /** Where the connection or the query comes from, and where it ends. */
  client: number;
  end: number;
  via: Via;
  /** Number of the DNS pod; −1 for dials. */
  pod: number;
  /** Number of the name; −1 for dials. */
  host: number;
}

/** A fault, by its effect on single packets. Times are in seconds. */
export interface Fault {
  /** Probability that a packet is lost. @param forward whether it goes to the end of the path */
  loss?(path: Path, forward: boolean, at: number): number;
  /** Probability that a DNS server does not answer a query that it has received. */
  silence?(path: Path, at: number): number;
  /** How a DNS server answers, if not with the address. */
  answer?(path: Path, at: number): 'servfail' | 'nxdomain' | undefined;
  /** Seconds that an exchange takes longer. */
  delay?(path: Path, at: number): number;
  /** Whether nothing listens at the end of the path. */
  refuses?(path: Path, at: number): boolean;
}

/** The result of one attempt. */
export interface Attempt {
  /** Seconds; undefined if it failed. */
  latency: number | undefined;
  failure: 'timeout' | 'refused' | 'servfail' | 'nxdomain' | undefined;
  retransmits: number;
  /** When the result is known, in seconds. */
  endsAt: number;
}

/** When Linux sends the SYN of a connection, in seconds after the first one (tcp_syn_linear_timeouts). */
const synTimes = [0, 1, 2.03, 3.07, 4.1] as const;

const timeout = 5;

/** Retransmission time of data, in seconds: doubles each time (RFC 6298, Linux's minimum). */
const dataRetransmit = 0.2;

/** The network between all nodes: loses single packets at random, and by faults. */
export class PacketNetwork {
  /** Probability that a packet between nodes is lost. */
  backgroundLoss: number;
  readonly faults: Fault[] = [];
  readonly #random: Random;

  constructor(backgroundLoss: number, random: Random) {
    this.backgroundLoss = backgroundLoss;
    this.#random = random;
  }

  /** A TCP connection is opened. */
  dial(path: Path, at: number): Attempt {
    const handshake = this.#handshake(path, at);
    if (handshake === undefined) return failed('timeout', at + timeout, synTimes.length - 1);
    if (this.faults.some((fault) => fault.refuses?.(path, at))) return failed('refused', at + 0.001, 0);
    const latency = handshake.seconds + this.#roundTrip(path, at);
    return { latency, failure: undefined, retransmits: handshake.retransmits, endsAt: at + latency };
  }

  /** A name is looked up, by UDP or TCP. */
  lookup(path: Path, isTcp: boolean, at: number): Attempt {
    let waited = 0;
    let retransmits = 0;
    if (isTcp) {
      const handshake = this.#handshake(path, at);
      if (handshake === undefined) return failed('timeout', at + timeout, synTimes.length - 1);
      waited = handshake.seconds + this.#roundTrip(path, at);
      retransmits = handshake.retransmits;
    }
    const silent = Math.max(0, ...this.faults.map((fault) => fault.silence?.(path, at) ?? 0));
    if (silent > 0 && this.#random.fraction() < silent) return failed('timeout', at + timeout, retransmits);
    let resend = dataRetransmit;
    while (!this.#passes(path, at + waited)) {
      if (!isTcp) return failed('timeout', at + timeout, 0);
      waited += resend;
      resend *= 2;
      if (waited >= timeout) return failed('timeout', at + timeout, retransmits);
    }
    for (const fault of this.faults) {
      const answer = fault.answer?.(path, at);
      if (answer) return failed(answer, at + waited + 0.001, retransmits);
    }
    const latency = waited + 2 * this.#roundTrip(path, at);
    if (latency >= timeout) return failed('timeout', at + timeout, retransmits);
    return { latency, failure: undefined, retransmits, endsAt: at + latency };
  }

  #handshake(path: Path, at: number): { seconds: number; retransmits: number } | undefined {
    for (const [retransmits, seconds] of synTimes.entries())
      if (this.#passes(path, at + seconds)) return { seconds, retransmits };
    return undefined;
  }

  /** Whether a packet and its answer arrive. What stays on a node is not lost. */
  #passes(path: Path, at: number): boolean {
    let arrives = path.client === path.end ? 1 : (1 - this.backgroundLoss) ** 2;
    for (const fault of this.faults)
      if (fault.loss) arrives *= (1 - fault.loss(path, true, at)) * (1 - fault.loss(path, false, at));
    return arrives === 1 || this.#random.fraction() < arrives;
  }

  #roundTrip(path: Path, at: number): number {
    let seconds = 60e-6 * Math.exp(1.2 * this.#random.fraction());
    for (const fault of this.faults) seconds += fault.delay?.(path, at) ?? 0;
    return seconds;
  }
}

function failed(failure: NonNullable<Attempt['failure']>, endsAt: number, retransmits: number): Attempt {
  return { latency: undefined, failure, retransmits, endsAt };
}
