import { type BenchCluster, namespace } from './bench-cluster.ts';
import { type ClockDial, ClockDials } from './clock-dials.ts';
import { echoes } from './echoes.ts';
import type { Goal } from './figures.ts';
import { type CapturedHandshake, handshakes } from './handshakes.ts';
import { addWindows, compareQuantiles, type HistogramWindow, histogramWindow } from './histogram-window.ts';
import { lookups } from './lookups.ts';
import { type MeasuredAgent, scrapeAgents } from './measured-agents.ts';
import { PacketCapture } from './packet-capture.ts';
import type { Scrape } from './scraper.ts';
import { mean } from './statistics.ts';

/** What the agents reported of one protocol in a window beside what was on the wire. */
export interface Comparison {
  scraped: HistogramWindow;
  /** Seconds of each captured exchange. */
  wire: number[];
}

export interface LatencyWindow {
  tcp: Comparison;
  dns: Comparison;
  /** On the wire: the round trips without the time that the requests were at the peer. */
  udp: Comparison;
  /** Seconds of each captured echo's round trip, and of the part that its request was at the peer. */
  echoes: { roundTrip: number; dwell: number }[];
  /** Dials by the JavaScript clock, each with the captured handshake of the same connection. */
  clock: { seconds: number; wire: number }[];
}

export interface LatencyWindowOptions {
  /** How long, in seconds. */
  seconds: number;
  /** The names that are looked up, with their final dots. */
  names: readonly string[];
  /** Whether the first agent's targets are also dialled by the JavaScript clock. */
  clockDials?: boolean;
}

/** Captures on all agents between two scrapes and pairs what was scraped with what was on the wire. */
export async function latencyWindow(
  bench: BenchCluster,
  agents: readonly MeasuredAgent[],
  { seconds, names, clockDials = false }: LatencyWindowOptions,
): Promise<LatencyWindow> {
  const captures: PacketCapture[] = [];
  let reference: ClockDials | undefined;
  try {
    for (const agent of agents) captures.push(await captureOn(bench, agent));
    if (clockDials) reference = await startReference(bench, agents[0]!);
    const before = await scrapeAgents(agents);
    await bench.pass(seconds);
    const after = await scrapeAgents(agents);
    await reference?.stop();
    await Promise.all(captures.map((capture) => capture.stop()));
    const dials = reference?.dials ?? [];
    const dwells = new Map<string, number>();
    for (const [index, agent] of agents.entries())
      for (const { key, seconds } of await echoesAt(agent, captures[index]!, 'responder')) dwells.set(key, seconds);
    const parts: LatencyWindow[] = [];
    for (const [index, agent] of agents.entries()) {
      const own = index === 0 ? dials : [];
      parts.push(await compare(agent, captures[index]!, before[index]!, after[index]!, names, own, dwells));
    }
    const join = (read: (part: LatencyWindow) => Comparison): Comparison => ({
      scraped: addWindows(parts.map((part) => read(part).scraped)),
      wire: parts.flatMap((part) => read(part).wire),
    });
    return {
      tcp: join(({ tcp }) => tcp),
      dns: join(({ dns }) => dns),
      udp: join(({ udp }) => udp),
      echoes: parts.flatMap(({ echoes }) => echoes),
      clock: parts.flatMap(({ clock }) => clock),
    };
  } finally {
    await reference?.stop();
    await Promise.all(captures.map((capture) => capture.stop()));
  }
}

/** A mean below that of the wire has lost a part of the path; what clocks and captures round off is less. Seconds. */
const mostBelowWire = 10e-6;

/** The goal of an excess over the wire, in seconds. */
export function excessGoal(atMost: number): Goal {
  return { atLeast: -mostBelowWire, atMost };
}

/** The goal of a share that was captured: one or two exchanges may be at either edge of the window. */
export function capturedGoal(tolerance: number): Goal {
  return { atLeast: 1 - tolerance, atMost: 1 + tolerance };
}

/**
 * The figures' common view of a comparison: means, their difference and ratio, and the quantiles, in seconds; and how
 * many exchanges were captured of each one that was scraped.
 */
export function summarize({ scraped, wire }: Comparison) {
  const scrapedMean = scraped.sum / scraped.count;
  const wireMean = mean(wire);
  return {
    scrapedCount: scraped.count,
    capturedCount: wire.length,
    capturedShare: wire.length / scraped.count,
    scrapedMean,
    wireMean,
    excess: scrapedMean - wireMean,
    ratio: scrapedMean / wireMean,
    quantiles: compareQuantiles(scraped, wire),
  };
}

/** Starts a capture of probes, and of nothing else, on an agent's eth0. */
export async function captureOn(bench: BenchCluster, agent: MeasuredAgent): Promise<PacketCapture> {
  const netns = await bench.cluster.podNetns(namespace, agent.pod);
  return await PacketCapture.start(netns, `port ${agent.port} or udp port 53`, bench.directory, agent.pod);
}

async function startReference(bench: BenchCluster, agent: MeasuredAgent): Promise<ClockDials> {
  const { metrics } = await agent.scraper.scrape();
  const hosts = metrics
    .find('network_latency_seconds_count', { protocol: 'TCP' })
    .map(({ labels }) => labels.host ?? '');
  return await ClockDials.start(await bench.cluster.podNetns(namespace, agent.pod), hosts);
}

async function compare(
  agent: MeasuredAgent,
  capture: PacketCapture,
  before: Scrape,
  after: Scrape,
  names: readonly string[],
  dials: readonly ClockDial[],
  dwells: ReadonlyMap<string, number>,
): Promise<LatencyWindow> {
  const within = (at: number | undefined) => at !== undefined && at >= before.at && at < after.at;
  const scraped = (metric: string, labels: Record<string, string>) =>
    histogramWindow(before.metrics, after.metrics, metric, labels);
  const all = handshakes(await capture.segments(), agent.ip).filter(({ seconds }) => seconds !== undefined);
  const referenceOf = pairDials(dials, all);
  // A dial counts from the moment at which the agent ends it, a lookup from its answer.
  const tcp = all.filter((handshake) => !referenceOf.has(handshake) && within(handshake.resetAt));
  const asked = new Set(names.map((name) => name.replace(/\.$/, '')));
  const dns = lookups(await capture.datagrams(), agent.ip).filter(
    ({ name, answeredAt }) => asked.has(name) && within(answeredAt),
  );
  const udp = (await echoesAt(agent, capture, 'prober'))
    .filter(({ answeredAt, key }) => within(answeredAt) && dwells.has(key))
    .map(({ seconds, key }) => ({ roundTrip: seconds, dwell: dwells.get(key)! }));
  return {
    tcp: { scraped: scraped('network_latency_seconds', { protocol: 'TCP' }), wire: tcp.map(({ seconds }) => seconds!) },
    dns: { scraped: scraped('dns_latency_seconds', { protocol: 'UDP' }), wire: dns.map(({ seconds }) => seconds) },
    udp: {
      scraped: scraped('network_latency_seconds', { protocol: 'UDP' }),
      wire: udp.map(({ roundTrip, dwell }) => roundTrip - dwell),
    },
    echoes: udp,
    clock: [...referenceOf].map(([handshake, dial]) => ({ seconds: dial.seconds, wire: handshake.seconds! })),
  };
}

async function echoesAt(agent: MeasuredAgent, capture: PacketCapture, end: 'prober' | 'responder') {
  return echoes(await capture.echoDatagrams(agent.port), agent.ip, end);
}

/** The captured handshakes that belong to dials of the reference: same ports, begun within a second of each other. */
export function pairDials(
  dials: readonly ClockDial[],
  captured: readonly CapturedHandshake[],
): Map<CapturedHandshake, ClockDial> {
  const pairs = new Map<CapturedHandshake, ClockDial>();
  for (const dial of dials) {
    const handshake = captured.find(
      ({ host, localPort, startedAt }) =>
        host === dial.host && localPort === dial.localPort && Math.abs(startedAt - dial.startedAt) < 1,
    );
    if (handshake) pairs.set(handshake, dial);
  }
  return pairs;
}
