import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { type Figure, figure } from '../bench/figures.ts';
import { quantile } from '../bench/statistics.ts';
import { counted } from '../src/base/command-line.ts';
import { waitFor } from '../test/cluster/wait.ts';
import { type Agent, getJson, metricsOf } from '../test/e2e/agents.ts';
import {
  apply,
  deadline,
  inEffect,
  netExporter,
  operatorNamespace,
  scaleOperator,
  waitForAgents,
  waitForSync,
} from '../test/e2e/environment.ts';
import { drainOptions, WatchedFleet } from '../test/e2e/watched-fleet.ts';
import { ClusterApi } from '../test/faults/cluster-api.ts';
import { HostileTenant } from './hostile-tenant.ts';
import { type Hostility, planHostility } from './hostility.ts';
import { Random } from './random.ts';
import type { Soak } from './soak.ts';

const name = 'soak';
/** Two in each of three zones; and how few there are when the cluster has been scaled down. */
const nodes = 6;
const fewNodes = 3;
const edits = 100;
/** In each round, while a tenant is hostile. */
const hostileEdits = 20;
/** Of the whole time, at most these parts: the operators are away. Minutes. */
const longestAway = 10;
/** What no edit changes. */
const host = 'kubernetes.default.svc.cluster.local.';
const intervalSeconds = 1;
const quick = { interval: `${intervalSeconds}s`, timeout: `${intervalSeconds}s` };
/** Without the Service: that its endpoints end is kube-proxy's to know. */
const restingSpec = { dns: { ...quick, hosts: [host] }, network: { ...quick, peersPerAgent: 10, service: false } };

/**
 * Agents on six nodes in three zones whose spec is edited a hundred times; then rounds of everything that is planned: a
 * rollout, another port, each node drained in turn and cut off, three nodes less and three more, none of which may make
 * a dial error; then minutes without an operator, in which nodes join and leave and every agent has to probe all the
 * time. All but the first edits are made, and happen, beside a tenant who is hostile to operators and agents.
 */
export const run: Soak = async ({ seed, minutes, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const soak = new SyncSoak(bench, await ClusterApi.of(bench.cluster.kubeconfig), new Random(seed));
    try {
      const away = Math.min(longestAway, minutes / 2);
      const endAt = performance.now() + (minutes - away) * 60_000;
      await soak.start();
      await soak.edit();
      await soak.invite();
      do await soak.planned();
      while (performance.now() < endAt);
      await soak.withoutOperator(away);
      return { figures: soak.figures, failures: soak.failures, details: soak.details };
    } finally {
      soak.close();
    }
  });

class SyncSoak {
  readonly figures: Figure[] = [];
  readonly failures: string[] = [];
  readonly details: Record<string, unknown> = {};
  readonly #bench: BenchCluster;
  readonly #api: ClusterApi;
  readonly #random: Random;
  readonly #fleet: WatchedFleet;
  #rounds = 0;
  #port = 8000;
  #lingering = 0;
  #leftAlone: number[] = [];
  /** How long each edit beside the hostile tenant took to be in effect on each agent. */
  #hostileEdits: number[] = [];
  #tenant: HostileTenant | undefined;

  constructor(bench: BenchCluster, api: ClusterApi, random: Random) {
    this.#bench = bench;
    this.#api = api;
    this.#random = random;
    this.#fleet = new WatchedFleet(bench, namespace, name);
  }

  close(): void {
    this.#api.close();
  }

  async start(): Promise<void> {
    await apply(this.#bench.kubectl, netExporter(namespace, name, restingSpec));
    await this.#settled();
  }

  /** Edits hosts, peers and intervals; what stays the same has its turns meanwhile as if nothing had been edited. */
  async edit(): Promise<void> {
    const { log } = this.#bench;
    log(`${edits} edits`);
    const agents = await this.#settled();
    const before = await Promise.all(agents.map((agent) => turnsOfHost(agent)));
    const seconds = await this.#edits(edits, agents);
    const turnsOff: number[] = [];
    const skipped: number[] = [];
    for (const [index, agent] of agents.entries()) {
      const [was, is] = [before[index]!, await turnsOfHost(agent)];
      const due = (is.at - was.at) / 1000 / intervalSeconds;
      for (const [series, turns] of is.turns) turnsOff.push(turns - (was.turns.get(series) ?? 0) - due);
      skipped.push(is.skipped - was.skipped);
    }
    // Of all targets, as on a machine that is too busy.
    this.details.turnsSkipped = skipped;
    this.details.turnsOff = { fewest: Math.min(...turnsOff), most: Math.max(...turnsOff) };
    await this.#patch(restingSpec);
    const now = await this.#settled();
    const restarted = agents.filter(({ uid }, index) => now[index]?.uid !== uid || now[index]?.restarts !== 0);
    this.figures.push(
      figure('edits', edits, ''),
      figure('edit_p50_seconds', quantile(seconds, 0.5), 's'),
      figure('edit_p99_seconds', quantile(seconds, 0.99), 's', { atMost: 2 }),
      figure('edit_max_seconds', Math.max(...seconds), 's'),
      // One may be due at either end of the time.
      figure('unchanged_turns_off', Math.max(...turnsOff.map(Math.abs)), '', { atMost: 2 }),
      figure('pods_restarted', restarted.length, '', { atMost: 0 }),
    );
  }

  /** Lets the hostile tenant in, who begins with the next round. */
  async invite(): Promise<void> {
    const lasting = this.#bench.cluster.nodes.slice(0, fewNodes).map(({ name }) => name);
    this.#tenant = await HostileTenant.start(this.#bench, this.#api, lasting);
  }

  /** A round of everything that is planned. */
  async planned(): Promise<void> {
    this.#rounds++;
    await this.#withoutErrors('edits', async () => {
      this.#hostileEdits.push(...(await this.#edits(hostileEdits, await this.#settled())));
      await this.#patch(restingSpec);
      await this.#settled();
    });
    await this.#withoutErrors('a rollout', async () => {
      await this.#bench.kubectl(['rollout', 'restart', '-n', namespace, `daemonset/${name}-agent`]);
      await this.#bench.kubectl(['rollout', 'status', '-n', namespace, `daemonset/${name}-agent`, '--timeout=300s']);
      await this.#settled();
    });
    await this.#withoutErrors('another port', async () => {
      this.#port = this.#port === 8000 ? 8001 : 8000;
      await this.#patch({ agent: { port: this.#port } });
      const moved = async () => (await this.#fleet.agents()).every(({ port }) => port === this.#port);
      await waitFor('agents at the new port', moved, { timeout: deadline });
      await this.#settled();
    });
    for (const { name: node } of this.#bench.cluster.nodes) await this.#drainAndCut(node);
    await this.#withoutErrors('fewer nodes', async () => {
      for (const { name: node } of this.#bench.cluster.nodes.slice(fewNodes)) {
        await this.#drain(node);
        await this.#remove(node);
      }
      await this.#settled();
    });
    await this.#withoutErrors('more nodes', async () => {
      while (this.#bench.cluster.nodes.length < nodes) await this.#bench.cluster.addNode();
      await this.#settled();
    });
  }

  /** Scales the operators away, has nodes join and leave, and gets them back. */
  async withoutOperator(minutes: number): Promise<void> {
    const { log, kubectl, cluster } = this.#bench;
    log(`no operator for ${minutes.toFixed(1)} minutes`);
    await this.#settled();
    await scaleOperator(kubectl, 0);
    const backAt = performance.now() + minutes * 60_000;
    let moves = 0;
    const hostility = { ...planHostility(this.#random, this.#tenant!.pods), objects: undefined };
    const move = async () => {
      while (performance.now() < backAt) {
        const goes = cluster.nodes.length > fewNodes && (cluster.nodes.length >= nodes + 2 || this.#random.chance(0.5));
        if (goes) {
          const [, , , ...others] = cluster.nodes;
          const { name: node } = this.#random.pick(others);
          await kubectl(['drain', node, ...drainOptions]);
          await this.#remove(node);
        } else await cluster.addNode();
        moves++;
        await this.#bench.pass(this.#random.integer(5, 20));
      }
    };
    const beside = `no operator beside ${describe(hostility)}`;
    log(beside);
    const pauses = await this.#fleet.pausesDuring(() => this.#beside(hostility, beside, move));
    const back = performance.now();
    await scaleOperator(kubectl, 2);
    await this.#settled();
    this.details.pauses = pauses;
    this.details.hostile = { counts: this.#tenant!.tally, objects: this.#tenant!.objects };
    this.figures.push(
      figure('away_minutes', minutes, ''),
      figure('nodes_joined_or_left', moves, ''),
      figure('longest_pause_seconds', Math.max(...Object.values(pauses)), 's', { atMost: 10 }),
      figure('synced_after_return_seconds', (performance.now() - back) / 1000, 's'),
      figure('hostile_edits', hostileEdits * this.#rounds, ''),
      figure('hostile_edit_p50_seconds', quantile(this.#hostileEdits, 0.5), 's'),
      figure('hostile_edit_p99_seconds', quantile(this.#hostileEdits, 0.99), 's', { atMost: 2 }),
      figure('hostile_edit_max_seconds', Math.max(...this.#hostileEdits), 's'),
      ...this.#tenant!.tally.figures(),
      figure('planned_rounds', this.#rounds, ''),
      figure('dial_errors', this.failures.length, '', { atMost: 0 }),
      figure('drained_node_left_alone_max_seconds', Math.max(...this.#leftAlone), 's', { atMost: 5 }),
      figure('series_of_gone_agent_max_seconds', this.#lingering, 's', { atMost: 5 }),
    );
  }

  /** Whatever it is, no agent but the one that is cut off may fail to reach another. */
  async #withoutErrors(what: string, body: () => Promise<void>, cutOff?: Agent): Promise<void> {
    this.#bench.signal.throwIfAborted();
    const hostility = planHostility(this.#random, this.#tenant!.pods);
    const beside = `${what} beside ${describe(hostility)}`;
    this.#bench.log(beside);
    const { dialErrors, lingeringSeconds } = await this.#fleet.observe(() => this.#beside(hostility, beside, body));
    this.#lingering = Math.max(this.#lingering, lingeringSeconds);
    for (const [link, errors] of Object.entries(dialErrors))
      if (!cutOff || !link.startsWith(`${cutOff.pod} `)) this.failures.push(`${beside}: ${errors} errors of ${link}`);
    for (const restart of await this.#restarts()) this.failures.push(`${beside}: ${restart}`);
  }

  /** Does it while the tenant is hostile. */
  async #beside(hostility: Hostility, what: string, body: () => Promise<void>): Promise<void> {
    const gains = await this.#tenant!.during(hostility, await this.#fleet.agents(), body);
    this.failures.push(...gains.map((gain) => `${what}: ${gain}`));
  }

  /** Edits so many times what agents get by sync. @returns the seconds until each edit was in effect on each agent */
  async #edits(count: number, agents: readonly Agent[]): Promise<number[]> {
    const seconds: number[] = [];
    for (let number = 1; number <= count; number++) {
      this.#bench.signal.throwIfAborted();
      const spec = this.#random.pick([
        { dns: { hosts: [host, `edit-${number}.example.`] } },
        { network: { peersPerAgent: this.#random.integer(1, nodes - 1) } },
        { network: { interval: `${this.#random.integer(1, 5)}s` } },
      ]);
      const from = performance.now();
      const generation = await this.#patch(spec);
      const times = await Promise.all(agents.map((agent) => inEffect(agent, generation, 50)));
      seconds.push(...times.map((time) => (time - from) / 1000));
    }
    return seconds;
  }

  /** Which containers of operators and agents that there are now have ended and were started again. */
  async #restarts(): Promise<string[]> {
    const found: string[] = [];
    for (const place of [operatorNamespace, namespace]) {
      const { items } = await getJson<{ items: RestartedPod[] }>(this.#bench.kubectl, ['pods', '-n', place]);
      for (const { metadata, status } of items)
        if (status.containerStatuses?.some(({ restartCount }) => restartCount > 0))
          found.push(`${metadata.name} restarted`);
    }
    return found;
  }

  /** Waits until every node has a ready agent that has what it should have and has reached all others. */
  async #settled(): Promise<Agent[]> {
    const { kubectl, cluster } = this.#bench;
    const agents = await waitForAgents(kubectl, namespace, name, cluster.nodes.length);
    await waitForSync(kubectl, namespace, name, agents.length);
    await this.#fleet.allDialled(agents);
    return agents;
  }

  /** Changes the spec. @returns the new generation */
  async #patch(spec: object): Promise<number> {
    const path = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters/${name}`;
    return (await this.#api.patch(path, 'merge', { spec })).metadata.generation!;
  }

  /** Drains a node, cuts its agent off as if it were switched off, and brings it back. */
  async #drainAndCut(node: string): Promise<void> {
    const agents = await this.#settled();
    const off = agents.find((agent) => agent.node === node)!;
    const others = agents.filter((agent) => agent !== off);
    const body = async () => {
      await this.#drain(node);
      await this.#fleet.whileCutOff(off, () => this.#fleet.moreDials(others));
      await this.#bench.kubectl(['uncordon', node]);
      await this.#settled();
    };
    await this.#withoutErrors(`a drain of ${node}`, body, off);
  }

  /** Takes a drained node away, and its pods with it: the next node gets its name and its addresses. */
  async #remove(node: string): Promise<void> {
    await this.#bench.cluster.removeNode(node);
    await this.#fleet.collectPodsOf(node);
  }

  /** Drains a node and waits until it is empty and nobody probes its agent. */
  async #drain(node: string): Promise<void> {
    const others = (await this.#fleet.agents()).filter((agent) => agent.node !== node);
    this.#leftAlone.push(await this.#fleet.drain(node, others));
  }
}

interface RestartedPod {
  metadata: { name: string };
  status: { containerStatuses?: { restartCount: number }[] };
}

function describe({ floods, pods, objects }: Hostility): string {
  const kinds = [...floods, ...(objects ? [objects.kind] : [])];
  return `${kinds.join(', ')} of ${counted(pods, 'hostile pod')}`;
}

/**
 * How many turns an agent has had at each of its targets that is the host which no edit changes, how many it has
 * skipped of all, and when that was.
 */
async function turnsOfHost(agent: Agent): Promise<{ at: number; turns: Map<string, number>; skipped: number }> {
  const metrics = await metricsOf(agent);
  const at = performance.now();
  const turns = new Map<string, number>();
  for (const counter of ['dns_latency_seconds_count', 'dns_resolve_error_total'])
    for (const { labels, value } of metrics.find(counter, { host })) {
      const series = `${labels.server} ${labels.protocol} ${labels.type}`;
      turns.set(series, (turns.get(series) ?? 0) + value);
    }
  return { at, turns, skipped: metrics.sum('net_exporter_turns_skipped_total') };
}
