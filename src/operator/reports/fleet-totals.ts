import type { Clock } from '../../base/clock.ts';
import { maxSketchIndex, sketchValue } from '../../protocol/latency-sketch.ts';
import type { AcceptedResult } from './agent-reports.ts';
import type { Link } from './link-table.ts';

/** Without a result for so long, a total is removed: the longest `spec.health.window`. Milliseconds. */
const staleMs = 15 * 60_000;

/** How often totals without results are looked for, in milliseconds. */
const sweepMs = 60_000;

/** Most zones for which totals are remembered by link: zones that are gone make room. */
const maxKnownZones = 1000;

/** Results of all agents since this operator began to lead, for one pair of zones or one DNS server. */
export interface Total<Label extends string> {
  labels: Readonly<Record<Label, string>>;
  attempts: number;
  failures: number;
  /** Latencies by bucket, as many as there are edges and one more, and their sum in seconds. */
  buckets: Float64Array;
  sum: number;
}

interface KeptTotal extends Total<string> {
  /** Of the last result, in monotonic milliseconds. */
  lastAt: number;
  isRemoved: boolean;
}

/** Labels of the totals of each probe. */
export type NetworkLabel = 'protocol' | 'zone' | 'peer_zone';
export type DnsLabel = 'protocol' | 'server';

/** What the totals of all NetExporters share. */
export interface TotalsOptions {
  clock: Pick<Clock, 'monotonic'>;
  /** Upper edges of the buckets in seconds, ascending. */
  edges: Readonly<Record<'network' | 'dns', readonly number[]>>;
  /** Maximum number of pairs of zones and of servers with a total of their own. */
  max: { zonePairs: number; servers: number; total: number };
  /** Label value of those without. */
  other: string;
}

/** How many totals there are of all NetExporters. */
export interface TotalsCount {
  total: number;
}

/** The totals of one probe. */
class ProbeTotals {
  readonly #options: TotalsOptions;
  readonly #count: TotalsCount;
  readonly #max: number;
  readonly #buckets: number;
  /** By sketch index. */
  readonly #bucketOf: Uint8Array;
  /** By protocol, then by what has a total of its own. */
  readonly #totals = new Map<string, Map<string, KeptTotal>>();
  /** Monotonic milliseconds. */
  #sweepAt = 0;

  constructor(options: TotalsOptions, count: TotalsCount, probe: 'network' | 'dns') {
    this.#options = options;
    this.#count = count;
    this.#max = probe === 'network' ? options.max.zonePairs : options.max.servers;
    const edges = options.edges[probe];
    this.#buckets = edges.length + 1;
    this.#bucketOf = Uint8Array.from({ length: maxSketchIndex + 1 }, (_, index) => {
      const found = edges.findIndex((edge) => latencies[index]! <= edge);
      return found < 0 ? edges.length : found;
    });
  }

  /** @param labels of the total, `protocol` first */
  of(labels: Readonly<Record<string, string>>): KeptTotal {
    const { protocol = '', ...others } = labels;
    const byKey = this.#byProtocol(protocol);
    const key = JSON.stringify(Object.values(others));
    const known = byKey.get(key);
    if (known) return known;
    const isFull = () =>
      byKey.size - (byKey.has(otherKey) ? 1 : 0) >= this.#max || this.#count.total >= this.#options.max.total;
    if (isFull()) this.removeStale();
    if (isFull()) return this.#other(byKey, { protocol, ...others });
    this.#count.total++;
    return this.#add(byKey, key, labels);
  }

  #byProtocol(protocol: string): Map<string, KeptTotal> {
    const byKey = this.#totals.get(protocol) ?? new Map<string, KeptTotal>();
    this.#totals.set(protocol, byKey);
    return byKey;
  }

  #other(byKey: Map<string, KeptTotal>, { protocol, ...others }: Record<string, string>): KeptTotal {
    const labels = Object.fromEntries(Object.keys(others).map((name) => [name, this.#options.other]));
    return byKey.get(otherKey) ?? this.#add(byKey, otherKey, { protocol: protocol!, ...labels });
  }

  #add(byKey: Map<string, KeptTotal>, key: string, labels: Readonly<Record<string, string>>): KeptTotal {
    const total: KeptTotal = {
      ...{ labels, attempts: 0, failures: 0, buckets: new Float64Array(this.#buckets), sum: 0 },
      ...{ lastAt: this.#options.clock.monotonic(), isRemoved: false },
    };
    byKey.set(key, total);
    return total;
  }

  add(total: KeptTotal, [, { attempts, failures, latencies: sketch }]: AcceptedResult, now: number): void {
    total.lastAt = now;
    total.attempts += attempts;
    for (const count of Object.values(failures)) total.failures += count;
    for (const [index, count] of sketch) {
      total.buckets[this.#bucketOf[index]!]! += count;
      total.sum += count * latencies[index]!;
    }
  }

  removeStale(): void {
    const now = this.#options.clock.monotonic();
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + sweepMs;
    this.#remove(({ lastAt }) => now - lastAt >= staleMs);
  }

  clear(): void {
    this.#remove(() => true);
  }

  #remove(isGone: (total: KeptTotal) => boolean): void {
    for (const byKey of this.#totals.values())
      for (const [key, total] of byKey)
        if (isGone(total)) {
          byKey.delete(key);
          total.isRemoved = true;
          if (key !== otherKey) this.#count.total--;
        }
  }

  *all(): Generator<KeptTotal> {
    this.removeStale();
    for (const byKey of this.#totals.values()) yield* byKey.values();
  }
}

/** No JSON text. */
const otherKey = 'other';

/** Middle of each bucket of a sketch, in seconds. */
const latencies = Float64Array.from({ length: maxSketchIndex + 1 }, (_, index) => sketchValue(index));

/** Sums of what the agents of one NetExporter report, by pairs of zones and by DNS servers, in bounded memory. */
export class FleetTotals {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #network: ProbeTotals;
  readonly #dns: ProbeTotals;
  /** By the agent's zone and the shared object of the link, so that a result needs no other look-up. */
  readonly #known = new Map<string, WeakMap<Link, KeptTotal>>();

  /** @param count shared by all NetExporters */
  constructor(options: TotalsOptions, count: TotalsCount) {
    this.#clock = options.clock;
    this.#network = new ProbeTotals(options, count, 'network');
    this.#dns = new ProbeTotals(options, count, 'dns');
  }

  /** Adds the results of a report. @param zone of the agent's node; empty if it has none */
  take(zone: string, results: readonly AcceptedResult[]): void {
    const now = this.#clock.monotonic();
    for (const result of results) {
      const [link] = result;
      if (link.probe === 'ntp') continue;
      const totals = link.probe === 'network' ? this.#network : this.#dns;
      totals.add(this.#totalOf(totals, zone, link), result, now);
    }
  }

  network(): Iterable<Total<NetworkLabel>> {
    return this.#network.all() as Iterable<Total<NetworkLabel>>;
  }

  dns(): Iterable<Total<DnsLabel>> {
    return this.#dns.all() as Iterable<Total<DnsLabel>>;
  }

  /** Removes everything. */
  clear(): void {
    this.#network.clear();
    this.#dns.clear();
    this.#known.clear();
  }

  #totalOf(totals: ProbeTotals, zone: string, link: Link): KeptTotal {
    const known = this.#known.get(zone)?.get(link);
    if (known && !known.isRemoved) return known;
    const { protocol, server, zone: peer_zone } = link;
    const total = totals.of(link.probe === 'network' ? { protocol, zone, peer_zone } : { protocol, server });
    let links = this.#known.get(zone);
    if (!links) {
      if (this.#known.size >= maxKnownZones) this.#known.clear();
      links = new WeakMap<Link, KeptTotal>();
      this.#known.set(zone, links);
    }
    links.set(link, total);
    return total;
  }
}
