import { type Clock, systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import { formatHostPort } from '../../../base/host-port.ts';
import { tickClock, tickMs } from '../../../base/tick-clock.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { type EchoAnswer, encodeEchoRequest, readEchoAnswer, setEchoSequence } from '../../echo/echo-message.ts';
import { lastLookMs } from '../last-look.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { type UdpExchange, UdpExchanges } from '../udp-exchange.ts';
import { EchoLedger, type EchoOutcome } from './echo-ledger.ts';

/** An agent that answers echoes; `host` is an IP address. */
export interface UdpSubject {
  host: string;
  port: number;
  /** Packets per turn. */
  packets: number;
  /** Bytes of payload per packet. */
  size: number;
}

/** Time between the packets of a turn, in milliseconds: long enough for an overflowing queue to drain. */
const spacingMs = tickMs;

/** How much the rates of two clocks may differ while one of them is slewed: the kernel's maximum (adjtimex(2)). */
const maxRateDifference = 500e-6;

/** An error of a latency that does not matter, in seconds. Peers that are busy for milliseconds make smaller ones. */
const negligibleError = 50e-6;

/** Maximum number of ledgers. The least recently used ones are removed. */
const ledgerCapacity = 512;

/**
 * Sends packets to an agent, which echoes them. Each packet has its own socket and source port, so packets can take
 * different paths of an ECMP route and kernel timestamps belong to one answer. Each packet is one attempt. Reasons:
 * `lost` (no answer in time), `refused` (ICMP port unreachable: nothing listens), `unreachable`. Late, duplicated and
 * forged answers are ignored.
 *
 * The latency is the round-trip time without the time that the request waited at the peer, which the answer says. What
 * cannot be, a wait that is not shorter than the round trip, is not subtracted. A wait so long that the clocks of both
 * ends may disagree about it by half the latency leaves no latency. Agents of an older version do not say it: then only
 * the losses are in the result.
 * @returns a probe that remembers, from turn to turn, what its peers have received
 */
export function udpProbe(): Probe<UdpSubject> {
  /** By peer, ordered by last use. */
  const ledgers = new Map<string, EchoLedger>();
  return async (target, context) => {
    context.signal.throwIfAborted();
    const key = formatHostPort(target.host, target.port);
    const ledger = ledgers.get(key) ?? new EchoLedger();
    ledgers.delete(key);
    ledgers.set(key, ledger);
    if (ledgers.size > ledgerCapacity) ledgers.delete(ledgers.keys().next().value!);
    return takeTurn(target, ledger, context);
  };
}

interface Answered {
  answer: EchoAnswer;
  /** Round-trip time; undefined if this machine's clock was set meanwhile. */
  seconds: number | undefined;
  timing: ProbeResult['timing'];
}

interface LostPacket {
  failure: Extract<FailureReason, 'lost' | 'refused' | 'unreachable'>;
}

type PacketOutcome = Answered | LostPacket;

async function takeTurn(target: UdpSubject, ledger: EchoLedger, context: ProbeContext): Promise<ProbeResult> {
  const turn = new EchoTurn(target, ledger, context);
  let packets: readonly PacketOutcome[];
  try {
    packets = await turn.run();
  } catch (error) {
    ledger.abandon(target.packets);
    throw error;
  }
  const losses = ledger.settle(packets.map(outcomeOf));
  const answered = packets.filter((packet) => 'answer' in packet);
  const timing = context.kernel ? 'kernel' : 'clock';
  // Failures without the latencies beside them would look like an outage.
  if (answered.some(({ answer }) => answer.version < 2))
    return { latencies: [], failures: [], retransmits: 0, timing, losses, skipped: 'version' };
  const paths = answered.map(onPath);
  return {
    latencies: paths.flatMap(({ seconds }) => seconds ?? []),
    failures: packets.flatMap((packet) => ('failure' in packet ? [packet.failure] : [])),
    retransmits: 0,
    timing: paths.some((path) => path.timing === 'clock') ? 'clock' : timing,
    losses,
    refusedTimes: paths.filter(({ refused }) => refused).length,
  };
}

interface PathTime {
  /** Undefined if nothing is known about it. */
  seconds: number | undefined;
  timing: ProbeResult['timing'];
  /** Whether the time that the peer said was not used. */
  refused: boolean;
}

/** Subtracts how long the request waited at the peer. Without that, the latency contains the peer's delays. */
function onPath({ answer: { dwellNs }, seconds, timing }: Answered): PathTime {
  if (seconds === undefined) return { seconds, timing: 'kernel', refused: false };
  if (dwellNs === undefined) return { seconds, timing: 'clock', refused: false };
  const dwell = dwellNs / 1e9;
  const path = seconds - dwell;
  const error = maxRateDifference * dwell;
  // Instead of a negative one the round trip would be wrong by the whole dwell.
  const isUnknown = Math.abs(path) < 2 * error && (path <= 0 || error > negligibleError);
  if (isUnknown) return { seconds: undefined, timing, refused: true };
  return path > 0 ? { seconds: path, timing, refused: false } : { seconds, timing: 'clock', refused: true };
}

function outcomeOf(packet: PacketOutcome): EchoOutcome {
  if ('answer' in packet) return packet.answer.receipt;
  return packet.failure === 'lost' ? 'lost' : 'undelivered';
}

/**
 * Sends the packets of a turn without waiting for each other's answers. The timeout applies to the turn as a whole.
 * Each time that a packet is sent, the answers to the earlier ones are read. After the last one, the turn looks for
 * answers at growing intervals.
 */
class EchoTurn {
  readonly #target: UdpSubject;
  readonly #context: ProbeContext;
  /** Of the packet that is sent next: the packets of a turn differ in their sequence numbers only. */
  readonly #request: Buffer;
  /** Leaves time for an answer to the last packet if the timeout is short. */
  readonly #spacing: number;
  readonly #clock: Clock;
  /** When the turn ends, once the last packet was sent. */
  #deadline = Number.POSITIVE_INFINITY;
  /** When the last packet was to be sent: where one was late, the next is not. */
  #due: number;
  readonly #exchanges: UdpExchanges;
  /** When each packet was sent. */
  readonly #sentAt: number[] = [];
  readonly #outcomes: PacketOutcome[] = [];
  #answered = 0;
  #hasEnded = false;
  #cancelTimer = () => {};
  readonly #ended = Promise.withResolvers<PacketOutcome[]>();

  constructor(target: UdpSubject, ledger: EchoLedger, context: ProbeContext) {
    this.#target = target;
    this.#context = context;
    this.#exchanges = new UdpExchanges(target, context);
    this.#request = encodeEchoRequest({ sequence: 0, turn: ledger.begin(), prober: ledger.prober }, target.size);
    this.#spacing = Math.min(spacingMs, context.timeoutMs / (4 * target.packets));
    // Without the kernel, an answer is noticed late by all that the process does at the same tick.
    this.#clock = context.kernel && this.#spacing >= tickMs ? tickClock : systemClock;
    this.#due = this.#clock.monotonic();
  }

  /** @throws the reason of the signal if aborted; a system error if the agent is at fault */
  async run(): Promise<readonly PacketOutcome[]> {
    const { signal } = this.#context;
    const onAbort = () => this.#break(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#sendNext();
    try {
      return await this.#ended.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #sendNext(): void {
    const sequence = this.#exchanges.count;
    // Set before the packet is sent, which may end the turn.
    if (sequence + 1 < this.#target.packets)
      this.#cancelTimer = this.#clock.after(this.#untilNext(), () => this.#next());
    else {
      this.#deadline = this.#clock.monotonic() + this.#context.timeoutMs - sequence * this.#spacing;
      this.#lookAfter(this.#spacing);
    }
    this.#sentAt[sequence] = this.#clock.monotonic();
    const request = this.#request;
    setEchoSequence(request, sequence);
    try {
      this.#exchanges.begin(
        request,
        (message) => readEchoAnswer(message, request, sequence),
        (result) => this.#settle(sequence, result),
      );
    } catch (error) {
      this.#break(error);
    }
  }

  #untilNext(): number {
    const late = Math.min(Math.max(0, this.#clock.monotonic() - this.#due), this.#spacing / 2);
    this.#due = this.#clock.monotonic() - late + this.#spacing;
    return this.#spacing - late;
  }

  #next(): void {
    this.#exchanges.look();
    if (!this.#hasEnded) this.#sendNext();
  }

  /**
   * The intervals double, so a turn with a loss costs few wake-ups. One look is shortly before the deadline: if the
   * timeout is as long as the interval, a turn that ends only then makes the schedule skip the next one.
   */
  #lookAfter(ms: number): void {
    const remaining = this.#deadline - this.#clock.monotonic();
    const untilLastLook = remaining - lastLookMs(this.#context.timeoutMs);
    if (!this.#context.kernel || untilLastLook <= 0) this.#cancelTimer = afterDelay(remaining, () => this.#expire());
    else
      this.#cancelTimer = this.#clock.after(Math.min(ms, untilLastLook), () => {
        this.#lookAfter(2 * ms);
        this.#exchanges.look();
      });
  }

  #settle(sequence: number, result: UdpExchange<EchoAnswer> | Error): void {
    // If one packet cannot be sent, the turn ends: nothing may continue after the result is returned.
    if (result instanceof Error) {
      this.#break(result);
      return;
    }
    const { outcome, timing } = result;
    // A polled answer was noticed some time after it came, so without the kernel's times nothing is known.
    const seconds = timing === 'clock' && this.#context.kernel ? undefined : result.seconds;
    if (typeof outcome === 'string') this.#outcomes[sequence] = { failure: failureOf(outcome) };
    else if (this.#isLate(sequence, result)) this.#outcomes[sequence] = { failure: 'lost' };
    else this.#outcomes[sequence] = { answer: outcome, seconds, timing };
    if (++this.#answered < this.#target.packets) return;
    this.#end();
    this.#ended.resolve(this.#outcomes);
  }

  /** Whether an answer came after the deadline. It is seen nevertheless if the process looks later than it should. */
  #isLate(sequence: number, { seconds, timing }: UdpExchange<EchoAnswer>): boolean {
    return timing === 'kernel' && this.#sentAt[sequence]! + seconds * 1000 > this.#deadline;
  }

  #end(): void {
    this.#hasEnded = true;
    this.#cancelTimer();
  }

  #expire(): void {
    this.#exchanges.expire();
  }

  #break(error: unknown): void {
    this.#end();
    this.#exchanges.cancel();
    this.#ended.reject(error);
  }
}

function failureOf(outcome: FailureReason): LostPacket['failure'] {
  return outcome === 'refused' || outcome === 'unreachable' ? outcome : 'lost';
}
