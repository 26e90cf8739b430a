import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import { type Figure, figure, type Goal } from './figures.ts';
import { type FloodCounts, FloodProcess } from './flood-process.ts';
import { FloodedAgent } from './flooded-agent.ts';
import { acceptedReports } from './hostile-agent.ts';
import { listenerFloods } from './listener-floods.ts';
import { blockMs, type LoopDelay, LoopDelays, longest } from './loop-delays.ts';
import type { MeasuredOperator } from './measured-operator.ts';
import { fleetName, resources } from './operator-bench.ts';
import type { Section } from './section.ts';
import { SimulatedAgents } from './simulated-agents.ts';
import { quantile } from './statistics.ts';
import type { SyncBench } from './sync-bench.ts';

/** How long agents may take to do what they have to, in milliseconds; how long they do is a figure. */
const timeout = 300_000;

/** How long the operator is at rest before the floods. */
const settleSeconds = 125;

const goals: Record<string, { unit: Figure['unit']; goal: Goal }> = {
  edit_ack_p99_seconds: { unit: 's', goal: { atMost: 2 } },
  leases_lost: { unit: '', goal: { atMost: 0 } },
  agents_unready: { unit: '', goal: { atMost: 0 } },
  loop_block_seconds: { unit: 's', goal: { atMost: 0.1 } },
  // A flood that reached nobody would leave all of the above as it is.
  flood_connections_fewest: { unit: '', goal: { atLeast: 1 } },
  flood_echoes_refused: { unit: '', goal: { atLeast: 1 } },
  hostile_reports_accepted: { unit: '', goal: { atLeast: 1 } },
};

/**
 * The operator with so many agents, one of which is hostile, while every listener is flooded, those of a real agent,
 * too.
 */
export function hostileSection(nodes: number, benchOf: (bench: BenchCluster) => SyncBench): Section {
  return async (bench, quick) => {
    const syncBench = benchOf(bench);
    bench.log(`growing the fleet to ${nodes} nodes`);
    const daemonSet = await syncBench.operator.grow(nodes);
    const agents = await SimulatedAgents.start(bench.signal);
    const flooded = await FloodedAgent.start(syncBench.operator.agentFile, bench.directory, bench.signal);
    let floods: FloodProcess | undefined;
    try {
      const access = await syncBench.access();
      const [hostile, ...others] = await syncBench.agents(daemonSet);
      await agents.add(others, access);
      const delays = new LoopDelays(join(bench.directory, 'loop-delays.jsonl'));
      const operator = await syncBench.operator.start(delays.start);
      try {
        const configured = 'all agents but the hostile one are configured';
        const all = (times: readonly number[]) => times.length === nodes - 1;
        await agents.until(configured, ({ configuredAt }) => all(configuredAt), { timeout });
        bench.log('at rest');
        const restsSince = Date.now();
        await bench.pass(quick ? 10 : settleSeconds);
        const before = await leaseOf(syncBench);
        const atRest = longest(await delays.since(restsSince));
        bench.log('floods of every listener, and a hostile agent');
        const floodedSince = Date.now();
        floods = await FloodProcess.start(
          listenerFloods({
            operatorHttp: operator.port,
            operatorSync: Number(access.address.split(':').at(-1)),
            agent: flooded.port,
            ...{ access, token: hostile!.token },
          }),
        );
        await bench.pass(10);
        const watch = new LeadershipWatch(operator);
        const edits = await watch.during(() => edit({ bench, syncBench, agents, times: quick ? 3 : 15, nodes }));
        const flooding = await delays.since(floodedSince);
        const after = await leaseOf(syncBench);
        const counts: FloodCounts = await floods.stop();
        floods = undefined;
        const refused = (await flooded.metrics()).sum('net_exporter_echo_dropped_total', { reason: 'address' });
        const ready = await readyAgents(syncBench);
        const values: Record<string, number> = {
          edit_ack_p99_seconds: quantile(edits.flat(), 0.99),
          leases_lost: watch.notLeading + (before === after ? 0 : 1),
          agents_unready: flooded.unready + nodes - ready,
          loop_block_seconds: longest(flooding).blocked,
          flood_connections_fewest: Math.min(...Object.values(counts.connections)),
          flood_echoes_refused: refused,
          hostile_reports_accepted: acceptedReports(counts.answers),
        };
        const figures = Object.entries(goals).map(([name, { unit, goal }]) => figure(name, values[name]!, unit, goal));
        const details = {
          edits: edits.map((seconds) => ({ p50: quantile(seconds, 0.5), last: Math.max(...seconds) })),
          loop: { atRest, flooded: longest(flooding), worst: worstOf(flooding) },
          probes: { all: flooded.probes, failed: flooded.failed },
          usage: operator.usage(),
          lease: { before, after },
          counts,
        };
        return { figures, details };
      } finally {
        await operator.stop();
      }
    } finally {
      floods?.kill();
      await flooded.stop();
      await agents.stop();
    }
  };
}

/** How often the operator is asked whether it leads, in milliseconds. */
const scrapeMs = 5000;

/** Whether the operator leads. */
class LeadershipWatch {
  /** Scrapes at which the operator did not lead. */
  notLeading = 0;
  readonly #operator: MeasuredOperator;

  constructor(operator: MeasuredOperator) {
    this.#operator = operator;
  }

  /** @throws Error as soon as the operator does not answer any more */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const end = new AbortController();
    const failed = Promise.withResolvers<never>();
    const watching = this.#watch(end.signal).catch(failed.reject);
    try {
      const result = await Promise.race([work(), failed.promise]);
      await this.#look();
      return result;
    } finally {
      end.abort();
      await watching;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await sleep(scrapeMs, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    // The operator closes idle connections to make room for others. Prometheus tries again too.
    const metrics = await this.#operator.metrics().catch(() => this.#operator.metrics());
    if (metrics.sum('leader_election_master_status') !== 1) this.notLeading++;
  }
}

/** The delays in which the program itself held up its loop the longest. */
function worstOf(delays: readonly LoopDelay[]): LoopDelay[] {
  return delays.toSorted((a, b) => blockMs(b) - blockMs(a)).slice(0, 10);
}

/** Who holds the Lease, and for the how-manieth time. */
async function leaseOf({ operator }: SyncBench): Promise<string> {
  const { spec } = await operator.api.send<{ spec: { holderIdentity: string; leaseTransitions: number } }>(
    'GET',
    '/apis/coordination.k8s.io/v1/namespaces/net-exporter-system/leases/net-exporter-operator',
  );
  return `${spec.holderIdentity} ${spec.leaseTransitions}`;
}

async function readyAgents({ operator }: SyncBench): Promise<number> {
  const { status } = await operator.api.send<{ status?: { agents?: { ready: number } } }>(
    'GET',
    `${resources}/${fleetName}`,
  );
  return status?.agents?.ready ?? 0;
}

interface EditParts {
  bench: BenchCluster;
  syncBench: SyncBench;
  agents: SimulatedAgents;
  times: number;
  nodes: number;
}

/** Edits the spec, again and again. @returns for each time the seconds until each agent said that it holds it */
async function edit({ bench, syncBench, agents, times, nodes }: EditParts): Promise<number[][]> {
  const seconds: number[][] = [];
  for (let time = 1; time <= times; time++) {
    bench.log(`edit ${time}`);
    const editedAt = Date.now();
    const { metadata } = await syncBench.operator.api.send<{ metadata: { generation: number } }>(
      'PATCH',
      `${resources}/${fleetName}`,
      { spec: { dns: { hosts: [`hostile-edit-${time}.example.com.`] } } },
    );
    const { generation } = metadata;
    const holds = ({ holdingSince }: { holdingSince: number[] }) => holdingSince.length === nodes - 1;
    const seen = await agents.until(`all agents hold edit ${time}`, holds, { timeout, generation });
    seconds.push(seen.holdingSince.map((at) => (at - editedAt) / 1000));
    await bench.pass(3);
  }
  return seconds;
}
