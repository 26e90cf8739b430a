import { setTimeout as delay } from 'node:timers/promises';
import { formatHostPort } from '../../../base/host-port.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { type EchoAnswer, encodeEchoRequest, readEchoAnswer } from '../../echo/echo-message.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { exchangeOverUdp } from '../udp-exchange.ts';
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
const spacingMs = 20;

/** Maximum number of ledgers. The least recently used ones are removed. */
const ledgerCapacity = 512;

/**
 * Sends packets to an agent, which echoes them. Each packet has its own socket and source port, so packets can take
 * different paths of an ECMP route and kernel timestamps belong to one answer. Each packet is one attempt. Reasons:
 * `lost` (no answer in time), `refused` (ICMP port unreachable: nothing listens), `unreachable`. Late, duplicated and
 * forged answers are ignored.
 *
 * The latency is the round-trip time without the time that the request waited at the peer, which the answer says. What
 * cannot be, a wait that is not shorter than the round trip, is not subtracted. Agents of an older version do not say
 * it: then only the losses are in the result.
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
  /** Round-trip time. */
  seconds: number;
  timing: ProbeResult['timing'];
}

type PacketOutcome = Answered | { failure: Extract<FailureReason, 'lost' | 'refused' | 'unreachable'> };

async function takeTurn(target: UdpSubject, ledger: EchoLedger, context: ProbeContext): Promise<ProbeResult> {
  let packets: PacketOutcome[];
  try {
    packets = await sendPackets(target, ledger, context);
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
    latencies: paths.map(({ seconds }) => seconds),
    failures: packets.flatMap((packet) => ('failure' in packet ? [packet.failure] : [])),
    retransmits: 0,
    timing: paths.some((path) => path.timing === 'clock') ? 'clock' : timing,
    losses,
    refusedTimes: paths.filter(({ refused }) => refused).length,
  };
}

/** Subtracts how long the request waited at the peer. Without that, the latency contains the peer's delays. */
function onPath({ answer: { dwellNs }, seconds, timing }: Answered) {
  if (dwellNs === undefined) return { seconds, timing: 'clock' as const, refused: false };
  const path = seconds - dwellNs / 1e9;
  return path > 0 ? { seconds: path, timing, refused: false } : { seconds, timing: 'clock' as const, refused: true };
}

function outcomeOf(packet: PacketOutcome): EchoOutcome {
  if ('answer' in packet) return packet.answer.receipt;
  return packet.failure === 'lost' ? 'lost' : 'undelivered';
}

/**
 * Sends the packets of a turn without waiting for each other's answers. The timeout of the turn applies to all of them.
 */
async function sendPackets(target: UdpSubject, ledger: EchoLedger, context: ProbeContext): Promise<PacketOutcome[]> {
  const turn = ledger.begin();
  // Leaves time for an answer to the last packet if the timeout is short.
  const spacing = Math.min(spacingMs, context.timeoutMs / (4 * target.packets));
  const ended = new AbortController();
  const onAbort = () => ended.abort(context.signal.reason);
  context.signal.addEventListener('abort', onAbort, { once: true });
  const send = async (sequence: number): Promise<PacketOutcome> => {
    const offsetMs = sequence * spacing;
    if (offsetMs > 0) await delay(offsetMs, undefined, { signal: ended.signal });
    const request = encodeEchoRequest({ sequence, turn, prober: ledger.prober }, target.size);
    return sendPacket(target, request, { ...context, timeoutMs: context.timeoutMs - offsetMs, signal: ended.signal });
  };
  const sending = Array.from({ length: target.packets }, (_, sequence) => send(sequence));
  try {
    return await Promise.all(sending);
  } catch (error) {
    // If one packet cannot be sent, the turn ends: nothing may continue after the result is returned.
    ended.abort(error);
    await Promise.allSettled(sending);
    context.signal.throwIfAborted();
    throw error;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}

async function sendPacket(target: UdpSubject, request: Buffer, context: ProbeContext): Promise<PacketOutcome> {
  const judge = (message: Buffer) => readEchoAnswer(message, request);
  const { outcome, seconds, timing } = await exchangeOverUdp(target, request, judge, context);
  if (typeof outcome !== 'string') return { answer: outcome, seconds, timing };
  return { failure: outcome === 'refused' || outcome === 'unreachable' ? outcome : 'lost' };
}
