import { setTimeout as delay } from 'node:timers/promises';
import { formatHostPort } from '../../../base/host-port.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { encodeEchoRequest, readEchoAnswer } from '../../echo/echo-message.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { exchangeOverUdp } from '../udp-exchange.ts';
import { EchoLedger, type EchoOutcome } from './echo-ledger.ts';

/** An agent that answers echoes; `host` is an IP address, v4 or v6. */
export interface UdpSubject {
  host: string;
  port: number;
  /** How many packets a turn sends. */
  packets: number;
  /** Octets of a packet's payload. */
  size: number;
}

/** Between a turn's packets, in milliseconds: long enough for a queue that overflowed to empty. */
const spacingMs = 20;

/** How many peers' ledgers are kept; those of peers that are long gone make room. */
const ledgerCapacity = 512;

/**
 * Sends an agent some packets, which that sends back, each on a socket and a source port of its own: so each may take another of several
 * ways, and the kernel's time of an answer is that answer's. Each packet is one attempt. Reasons: `lost`, no answer in time; `refused`,
 * nobody listens (ICMP port unreachable); `unreachable`. Whatever else comes is passed over: late answers, doubled ones, forged ones.
 *
 * The latency is the round trip, with the time that the peer's process takes to answer.
 * @returns a probe that remembers, from turn to turn, what its peers have received
 */
export function udpProbe(): Probe<UdpSubject> {
  /** By peer, in the order of their last turns. */
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
  receipt: Exclude<EchoOutcome, string>;
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
  const answered = packets.filter((packet) => 'receipt' in packet);
  const byClock = answered.some(({ timing }) => timing === 'clock') || !context.kernel;
  return {
    latencies: answered.map(({ seconds }) => seconds),
    failures: packets.flatMap((packet) => ('failure' in packet ? [packet.failure] : [])),
    retransmits: 0,
    timing: byClock ? 'clock' : 'kernel',
    losses: ledger.settle(packets.map(outcomeOf)),
  };
}

function outcomeOf(packet: PacketOutcome): EchoOutcome {
  if ('receipt' in packet) return packet.receipt;
  return packet.failure === 'lost' ? 'lost' : 'undelivered';
}

/** Sends a turn's packets, none of which waits for another; the last is given up when the timeout of the turn is over. */
async function sendPackets(target: UdpSubject, ledger: EchoLedger, context: ProbeContext): Promise<PacketOutcome[]> {
  const turn = ledger.begin();
  // Not all of a short timeout may go by before the last packet is sent.
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
    // One packet that could not be sent ends the turn: nothing of it may go on when its target is told.
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
  if (typeof outcome !== 'string') return { receipt: outcome, seconds, timing };
  return { failure: outcome === 'refused' || outcome === 'unreachable' ? outcome : 'lost' };
}
