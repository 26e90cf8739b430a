import { defaultSpec } from '../src/crd/net-exporter.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { type Figure, figure, type Goal } from './figures.ts';
import type { MeasuredOperator } from './measured-operator.ts';
import { fleetName, resources } from './operator-bench.ts';
import { operatorWindow } from './operator-window.ts';
import type { Section } from './section.ts';
import type { Traffic } from './simulated-agent.ts';
import { SimulatedAgents } from './simulated-agents.ts';
import { type DaemonSet, podName } from './simulated-objects.ts';
import { quantile } from './statistics.ts';
import type { SyncBench } from './sync-bench.ts';

/** How long agents may take to do what they have to, in milliseconds; how long they do is a figure. */
const timeout = 300_000;

/** When no agent has been given another assignment for so long, a change has got to all of them; in seconds. */
const quietSeconds = 2;

/** Within this time every agent has reported every target, in seconds. */
const warmUpSeconds = 30;

const { peersPerAgent } = defaultSpec().network;

/** Bounds for every size, or from a number of nodes on. */
const goals: Record<string, { unit: Figure['unit']; goal?: Goal; from?: number }> = {
  edit_ack_p99_seconds: { unit: 's', goal: { atMost: 2 } },
  cold_configured_seconds: { unit: 's', goal: { atMost: 40 } },
  cpu_idle_ratio: { unit: '', goal: { atMost: 0.2 } },
  rss_bytes: { unit: 'B', goal: { atMost: 550 * 2 ** 20 } },
  bytes_per_agent_minute: { unit: 'B', goal: { atMost: 8000 } },
  wire_bytes_per_agent_minute: { unit: 'B' },
  plans_changed_per_pod_change: { unit: '', goal: { atMost: 2 * peersPerAgent + 2 } },
  // The witnesses of one name that report more often are 20 to 100, however few agents there are.
  cpu_ratio_one_dead_host: { unit: '', goal: { atMost: 1.1 }, from: 5000 },
  agents_cpu_idle_ratio: { unit: '' },
  api_server_cpu_idle_ratio: { unit: '' },
};

/** The operator with so many agents that sync with it. */
export function syncSection(nodes: number, benchOf: (bench: BenchCluster) => SyncBench): Section {
  return async (bench, quick) => {
    const syncBench = benchOf(bench);
    bench.log(`growing the fleet to ${nodes} nodes`);
    const daemonSet = await syncBench.operator.grow(nodes);
    const agents = await SimulatedAgents.start(bench.signal);
    try {
      await agents.add(await syncBench.agents(daemonSet), await syncBench.access());
      const startedAt = Date.now();
      const operator = await syncBench.operator.start();
      try {
        const run = new Run({ bench, syncBench, daemonSet, agents, operator, nodes, quick });
        return await run.measure(startedAt);
      } finally {
        await operator.stop();
      }
    } finally {
      await agents.stop();
    }
  };
}

interface RunParts {
  bench: BenchCluster;
  syncBench: SyncBench;
  daemonSet: DaemonSet;
  agents: SimulatedAgents;
  operator: MeasuredOperator;
  nodes: number;
  quick: boolean;
}

/** One operator with its agents, from its start on. */
class Run {
  readonly #parts: RunParts;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /** @param startedAt when the operator was started, in milliseconds since the epoch */
  async measure(startedAt: number) {
    const { bench, operator, agents, nodes, quick } = this.#parts;
    bench.log('agents that hold nothing call an operator that has just been started');
    const all = (times: readonly number[]) => times.length === nodes;
    const cold = await agents.until('all agents are configured', (seen) => all(seen.configuredAt), { timeout });
    const coldSeconds = (Math.max(...cold.configuredAt) - startedAt) / 1000;
    const afterCold = operator.usage();

    await bench.pass(quick ? 10 : 30);
    bench.log('at rest');
    const idle = await this.#rest(quick ? 30 : 60);
    const afterIdle = operator.usage();

    const deadHost = await this.#deadHost(quick ? 30 : 120);
    const edits = await this.#edits(quick ? 2 : 10);
    const afterEdits = operator.usage();
    const plansChanged = await this.#podChanges(quick ? 2 : 10);
    const { traffic, failure } = await agents.look();
    const atTheEnd = operator.usage();

    const values: Record<string, number> = {
      edit_ack_p99_seconds: quantile(edits.flat(), 0.99),
      cold_configured_seconds: coldSeconds,
      rss_bytes: atTheEnd.peakRss,
      plans_changed_per_pod_change: quantile(plansChanged, 0.5),
      ...idle,
      cpu_ratio_one_dead_host: deadHost.cpuRatio,
    };
    const details = {
      readySeconds: operator.readySeconds,
      coldCpuSeconds: afterCold.cpuSeconds,
      editP50: edits.map((seconds) => quantile(seconds, 0.5)),
      editLast: edits.map((seconds) => Math.max(...seconds)),
      rss: { afterCold: afterCold.rss, afterIdle: afterIdle.rss, afterEdits: afterEdits.rss, atTheEnd: atTheEnd.rss },
      deadHost,
      plansChanged,
      mostPlansChanged: Math.max(...plansChanged),
      traffic,
      failure,
    };
    const figures = Object.entries(goals).map(([name, { unit, goal, from = 0 }]) =>
      figure(`${name}_${nodes}`, values[name] ?? Number.NaN, unit, nodes >= from ? goal : undefined),
    );
    return { figures, details };
  }

  /** What is used while nothing changes. */
  async #rest(seconds: number): Promise<Record<string, number>> {
    const { bench, syncBench, operator, agents, nodes } = this.#parts;
    const usages = () => [agents.usage(), syncBench.apiServerUsage()].map(({ cpuSeconds }) => cpuSeconds);
    const before = { ...(await agents.look()), usages: usages() };
    const window = await operatorWindow(bench, operator, seconds);
    const after = { ...(await agents.look()), usages: usages() };
    const perMinute = (name: keyof Traffic) =>
      ((after.traffic[name] - before.traffic[name]) / nodes / window.seconds) * 60;
    const [agentsRatio, apiServerRatio] = after.usages.map(
      (cpu, index) => (cpu - before.usages[index]!) / window.seconds,
    );
    return {
      cpu_idle_ratio: window.cpuRatio,
      bytes_per_agent_minute: perMinute('bodyBytes'),
      wire_bytes_per_agent_minute: perMinute('wireBytes'),
      agents_cpu_idle_ratio: agentsRatio!,
      api_server_cpu_idle_ratio: apiServerRatio!,
    };
  }

  /**
   * One of two names ceases to exist for every agent.
   * @returns CPU and requests afterwards, each divided by what it was before
   */
  async #deadHost(seconds: number): Promise<{ cpuRatio: number; exchangesRatio: number; cpuAtRest: number }> {
    const { bench, operator, agents, nodes } = this.#parts;
    const hosts = ['alive.example.com.', 'dead.example.com.'];
    const generation = await this.#setHosts(hosts);
    const holdBoth = ({ holdingSince }: { holdingSince: unknown[] }) => holdingSince.length === nodes;
    await agents.until('all agents look up both names', holdBoth, { timeout, generation });
    // Before that, the operator has no results of the name, so that its failure is no change.
    await bench.pass(warmUpSeconds);
    const look = async () => {
      const before = (await agents.look()).traffic.exchanges;
      const { cpuRatio, seconds: passed } = await operatorWindow(bench, operator, seconds);
      return { cpuRatio, exchanges: ((await agents.look()).traffic.exchanges - before) / passed };
    };
    bench.log('at rest with two names');
    const rest = await look();
    bench.log('one name does not exist any more');
    await agents.fail(hosts[1]);
    const dead = await look();
    await agents.fail(undefined);
    return {
      cpuRatio: dead.cpuRatio / rest.cpuRatio,
      exchangesRatio: dead.exchanges / rest.exchanges,
      cpuAtRest: rest.cpuRatio,
    };
  }

  /** @returns the generation of the spec */
  async #setHosts(hosts: readonly string[]): Promise<number> {
    const { metadata } = await this.#parts.syncBench.operator.api.send<{ metadata: { generation: number } }>(
      'PATCH',
      `${resources}/${fleetName}`,
      { spec: { dns: { hosts } } },
    );
    return metadata.generation;
  }

  /**
   * Edits the spec, again and again. @returns for each time the seconds until each agent said that it holds the new
   * spec
   */
  async #edits(times: number): Promise<number[][]> {
    const { bench, agents, nodes } = this.#parts;
    const seconds: number[][] = [];
    for (let time = 1; time <= times; time++) {
      bench.log(`edit ${time}`);
      const editedAt = Date.now();
      const generation = await this.#setHosts([`edit-${time}.example.com.`]);
      const seen = await agents.until(
        `all agents hold edit ${time}`,
        ({ holdingSince }) => holdingSince.length === nodes,
        { timeout, generation },
      );
      seconds.push(seen.holdingSince.map((at) => (at - editedAt) / 1000));
      await bench.pass(3);
    }
    return seconds;
  }

  /**
   * Takes pods away and makes them anew, one at a time. @returns how many agents were given another assignment, each
   * time
   */
  async #podChanges(pods: number): Promise<number[]> {
    const { bench, syncBench, daemonSet, agents, nodes } = this.#parts;
    const { fleet } = syncBench.operator;
    const changed: number[] = [];
    for (let time = 1; time <= pods; time++) {
      bench.log(`pod ${time} goes and comes`);
      const number = Math.floor((time * nodes) / (pods + 1));
      const name = podName(daemonSet, number);
      changed.push(
        await this.#assignmentsAfter(async () => {
          await agents.remove(name);
          await fleet.removePod(daemonSet, number);
        }),
        await this.#assignmentsAfter(async () => {
          const uid = await fleet.addPod(daemonSet, number);
          await agents.add([syncBench.agent(daemonSet, number, uid)], await syncBench.access());
        }),
      );
    }
    return changed;
  }

  /** How many assignments agents are given because of a change. */
  async #assignmentsAfter(change: () => Promise<void>): Promise<number> {
    const { bench, agents } = this.#parts;
    const given = async () => (await agents.look()).traffic.assignments;
    const before = await given();
    await change();
    await agents.until('an agent is given another assignment', ({ traffic }) => traffic.assignments > before, {
      timeout,
    });
    for (let last = -1, now = await given(); ; last = now, now = await given()) {
      if (now === last) return now - before;
      await bench.pass(quietSeconds);
    }
  }
}
