import type { FailureReason } from '../../../../src/contract/failure-reason.ts';
import type { FleetFacts, JudgeOptions } from '../../../../src/operator/judge/fleet-facts.ts';
import { Judge, type Suspect, type Verdict } from '../../../../src/operator/judge/judge.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import type { TargetState } from '../../../../src/operator/plan/target-states.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import { FakeClock } from '../../fake-clock.ts';

export const judgeOptions: JudgeOptions = {
  windowMs: 120_000,
  networkIntervalMs: 10_000,
  dnsIntervalMs: 10_000,
  networkLatency: 0.01,
  dnsLatency: 0.1,
  failureRatio: 0.05,
  udpPackets: 3,
  holdMs: 15_000,
};

export const resolver = '10.96.0.10:53';
export const service = '10.96.77.7:8000';

/** What is attempted, by the names of nodes; `to` is a node, an address of a DNS server or the agents' Service. */
export interface Probe {
  from: string;
  to: string;
  host: string;
  /** Number of the round. */
  round: number;
  /** Number of the attempt within the round, in each agent. */
  stream: number;
}

/** How an attempt ends: a reason, seconds, or a retransmitted SYN. */
export type Ending = FailureReason | number | 'retransmit' | undefined;

/** Agents that all probe one another, and report every 10 s under a judge. No attempt is bad without being told so. */
export class JudgedFleet {
  readonly clock = new FakeClock();
  judge: Judge;
  readonly nodes = new Map<string, NodeFacts>();
  readonly states = new Map<string, TargetState>();
  /** DNS pods by address. */
  readonly dnsPods = new Map<string, string>();
  /** Addresses of agents by node. */
  readonly addresses = new Map<string, string>();
  readonly silent = new Set<string>();
  readonly exempt = new Set<string>();
  readonly raised: Suspect[] = [];
  readonly cleared: Suspect[] = [];
  verdict: Verdict | undefined;
  hosts = ['kubernetes.default.svc.cluster.local.'];
  /** Of a report, in milliseconds. */
  spanMs = 10_000;
  readonly #links = new Map<string, Link>();
  readonly #heardAt = new Map<string, number>();
  #round = 0;

  constructor(size: number, zones = 3) {
    this.judge = new Judge(this.clock, judgeOptions);
    for (let number = 1; number <= size; number++) {
      const name = `node-${number}`;
      const zone = `zone-${'abcdefgh'[(number - 1) % zones]}`;
      this.nodes.set(name, { name, zone, ready: true, notice: undefined, uid: 'node', bootId: `boot-${number}` });
      this.states.set(name, 'serving');
      this.addresses.set(name, `10.0.0.${number}:8000`);
    }
    this.dnsPods.set('10.1.0.1:53', 'node-1');
    this.dnsPods.set('10.1.0.2:53', 'node-2');
  }

  /** Lets every agent probe and report, and judges, for so many rounds of 10 s. */
  run(rounds: number, endingOf: (probe: Probe) => Ending = () => undefined): this {
    for (let round = 0; round < rounds; round++) {
      this.#round++;
      for (const half of [0, 1]) {
        for (const [index, from] of [...this.nodes.keys()].entries())
          if (index % 2 === half && !this.silent.has(from)) this.#report(from, endingOf);
        this.clock.advance(5000);
        this.#judge();
      }
    }
    return this;
  }

  /** Suspects as `kind name reason`. */
  get suspects(): string[] {
    return (this.verdict?.suspects ?? []).map(({ kind, name, reason }) => `${kind} ${name} ${reason}`);
  }

  #report(from: string, endingOf: (probe: Probe) => Ending): void {
    const results: [Link, Outcomes][] = [];
    const attempt = (link: Link, to: string) => {
      const probe = { from, to, host: link.host, round: this.#round, stream: results.length };
      results.push([link, outcomesOf(endingOf(probe))]);
    };
    for (const [to, address] of this.addresses)
      if (to !== from) attempt(this.#dial(address, to, this.nodes.get(to)!.zone), to);
    attempt(this.#dial(service, '', ''), service);
    for (const server of [resolver, ...this.dnsPods.keys()])
      for (const protocol of ['UDP', 'TCP'])
        for (const host of this.hosts) attempt(this.#lookup(server, protocol, host), server);
    const { zone } = this.nodes.get(from)!;
    this.judge.take({ agent: `pod-${from}`, zone, spanMs: this.spanMs, results });
    this.#heardAt.set(from, this.clock.monotonic());
  }

  #judge(): void {
    const judging = this.judge.judge(this.#facts());
    for (let step = judging.next(); ; step = judging.next()) {
      if (!step.done) continue;
      this.verdict = step.value;
      this.raised.push(...step.value.raised);
      this.cleared.push(...step.value.cleared);
      return;
    }
  }

  #facts(): FleetFacts {
    return {
      agents: [...this.nodes.keys()].map((node) => ({
        uid: `pod-${node}`,
        node,
        state: this.states.get(node)!,
        addresses: [this.addresses.get(node)!],
        overdueAt: (this.#heardAt.get(node) ?? 0) + 17_000,
      })),
      nodes: (name) => this.nodes.get(name),
      dnsPods: [...this.dnsPods].map(([address, node], index) => ({
        address,
        node,
        name: `coredns-${index + 1}`,
        state: 'serving',
        readyShare: 1,
      })),
      resolvers: [resolver],
      services: [service],
      isExempt: (node) => this.exempt.has(node),
    };
  }

  #dial(host: string, node: string, zone: string): Link {
    return this.#shared({ probe: 'network', host, server: '', protocol: 'TCP', type: '', node, zone });
  }

  #lookup(server: string, protocol: string, host: string): Link {
    return this.#shared({ probe: 'dns', host, server, protocol, type: 'A', node: '', zone: '' });
  }

  #shared(link: Link): Link {
    const key = JSON.stringify(link);
    this.#links.set(key, this.#links.get(key) ?? link);
    return this.#links.get(key)!;
  }
}

function outcomesOf(ending: Ending): Outcomes {
  const ended = (latency: number, retransmits: number): Outcomes => ({
    attempts: 1,
    failures: {},
    retransmits,
    latencies: [[sketchIndex(latency), 1]],
  });
  if (ending === undefined) return ended(100e-6, 0);
  if (ending === 'retransmit') return ended(1.0002, 1);
  if (typeof ending === 'number') return ended(ending, 0);
  return { attempts: 1, failures: { [ending]: 1 }, retransmits: ending === 'timeout' ? 4 : 0, latencies: [] };
}
