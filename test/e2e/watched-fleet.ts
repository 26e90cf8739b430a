import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../cluster/wait.ts';
import { forwardTable } from '../judge/packet-rules.ts';
import { type Agent, agentsOf, getJson, hostOf, metricsOf } from './agents.ts';
import { deadline, type Environment } from './environment.ts';
import type { Metrics } from './metrics.ts';

/** Each look at the agents' errors is so long after the one before, in milliseconds. */
const lookEveryMs = 200;
/** Of the rules by which a pod is cut off. */
const table = 'net_exporter_cut_off';

/** Of `kubectl drain`: what runs on every node anyway stays, and what it has is not missed. */
export const drainOptions = [
  '--ignore-daemonsets',
  '--delete-emptydir-data',
  '--force',
  `--timeout=${deadline / 1000}s`,
];

/** What was seen of agents while something happened. */
export interface Observed {
  /** How many dials and echoes failed, by agent and peer: of those that failed at all. */
  dialErrors: Record<string, number>;
  /**
   * The longest that an agent had a series of a peer whose pod was being deleted or was gone, from when that was first
   * seen; in seconds.
   */
  lingeringSeconds: number;
}

/** The agents of one NetExporter, which may come and go, and what they say of each other. */
export class WatchedFleet {
  readonly #env: Pick<Environment, 'cluster' | 'kubectl'>;
  readonly #namespace: string;
  readonly #name: string;

  constructor(env: Pick<Environment, 'cluster' | 'kubectl'>, namespace: string, name: string) {
    this.#env = env;
    this.#namespace = namespace;
    this.#name = name;
  }

  /**
   * Those that there are now. The pods of a node that was taken away are listed until they are collected, but are no
   * more.
   */
  async agents(): Promise<Agent[]> {
    const agents = await agentsOf(this.#env.kubectl, this.#namespace, this.#name);
    const nodes = this.#env.cluster.nodes.map(({ name }) => name);
    return agents.filter(({ node }) => nodes.includes(node));
  }

  /** Waits until every one of these agents has reached every other one as the operator told it to. */
  async allDialled(agents: readonly Agent[]): Promise<void> {
    for (const agent of agents)
      for (const peer of agents.filter((other) => other !== agent))
        await waitFor(
          `dials of ${peer.node} by ${agent.pod}`,
          async () => {
            const labels = { host: hostOf(peer), peer_node: peer.node, protocol: 'TCP' };
            return (await metricsOf(agent)).sum('network_latency_seconds_count', labels) > 0;
          },
          { timeout: deadline },
        );
  }

  /** Waits until each of these agents has dialled its peers several times more. */
  async moreDials(agents: readonly Agent[]): Promise<void> {
    const dials = async (agent: Agent) => (await metricsOf(agent)).sum('network_latency_seconds_count');
    for (const agent of agents) {
      const before = await dials(agent);
      await waitFor(`more dials of ${agent.pod}`, async () => (await dials(agent)) > before + 12, {
        timeout: deadline,
      });
    }
  }

  /** Waits until none of these agents has a series of that node. */
  async leftAlone(node: string, agents: readonly Agent[]): Promise<void> {
    for (const agent of agents)
      await waitFor(`${agent.pod} to leave ${node} alone`, async () => !(await hasPeer(agent, node)), {
        timeout: deadline,
        interval: 50,
      });
  }

  /**
   * Drains a node and waits until it is empty, and until none of these agents has a series of it.
   * @returns after how many seconds they had none
   */
  async drain(node: string, others: readonly Agent[]): Promise<number> {
    const from = performance.now();
    const [seconds] = await Promise.all([
      this.leftAlone(node, others).then(() => (performance.now() - from) / 1000),
      this.#env.kubectl(['drain', node, ...drainOptions]),
    ]);
    return seconds;
  }

  /** Looks at every agent again and again, those that are about to end among them, while `body` runs. */
  async observe(body: () => Promise<void>): Promise<Observed> {
    const last = new Map<string, number>();
    const known = new Set<string>();
    const goneSince = new Map<string, number>();
    const observed: Observed = { dialErrors: {}, lingeringSeconds: 0 };
    const look = async () => {
      const agents = await this.agents();
      const now = performance.now();
      const hosts = new Set(agents.map(hostOf));
      for (const host of known) if (!hosts.has(host) && !goneSince.has(host)) goneSince.set(host, now);
      for (const host of hosts) known.add(host);
      for (const agent of agents) {
        // It may have ended since it was listed, or be cut off.
        const metrics = await metricsOf(agent).catch(() => undefined);
        for (const { labels, value } of metrics?.find('network_dial_error_total') ?? []) {
          const { host = '', peer_node, protocol } = labels;
          const link = `${agent.pod} → ${peer_node} ${host} ${protocol}`;
          const before = last.get(link) ?? 0;
          // A series that went and came back counts from zero.
          const increase = value < before ? value : value - before;
          if (increase > 0) observed.dialErrors[link] = (observed.dialErrors[link] ?? 0) + increase;
          last.set(link, value);
          const since = goneSince.get(host);
          if (since !== undefined)
            observed.lingeringSeconds = Math.max(observed.lingeringSeconds, (performance.now() - since) / 1000);
        }
      }
    };
    await look();
    observed.dialErrors = {};
    await whileRunning(body, look);
    return observed;
  }

  /**
   * Looks at every ready agent again and again while `body` runs.
   * @returns the longest time that each was seen to go without a turn of any of its probes, in seconds, by pod
   */
  async pausesDuring(body: () => Promise<void>): Promise<Record<string, number>> {
    const seen = new Map<string, { turns: number; at: number }>();
    const longest: Record<string, number> = {};
    const asked = new Set<string>();
    const ask = async (agent: Agent) => {
      const { pod } = agent;
      asked.add(pod);
      // One that does not answer has ended; were it one that hangs, its pause would be seen when it answers again.
      const turns = await metricsOf(agent).then(turnsOf, () => undefined);
      asked.delete(pod);
      if (turns === undefined) return;
      const now = performance.now();
      const before = seen.get(pod);
      if (before) longest[pod] = Math.max(longest[pod] ?? 0, Math.round(now - before.at) / 1000);
      if (turns !== before?.turns) seen.set(pod, { turns, at: now });
    };
    await whileRunning(body, async () => {
      // Nobody waits for one that is silent: the others' turns are looked at all the time.
      for (const agent of await this.agents())
        if ((agent.ready || seen.has(agent.pod)) && !asked.has(agent.pod)) void ask(agent);
    });
    return longest;
  }

  /**
   * Does what Kubernetes does by itself forty seconds and more after a node is gone: nobody is left to end its pods.
   */
  async collectPodsOf(node: string): Promise<void> {
    const pods = ['pods', '-n', this.#namespace, '--field-selector', `spec.nodeName=${node}`];
    await this.#env.kubectl(['delete', ...pods, '--force', '--grace-period=0', '--ignore-not-found']);
  }

  /**
   * Drops all that goes to and from an agent's pod, on its own node, while `body` runs. The kubelet still reaches it.
   */
  async whileCutOff({ pod, node }: Agent, body: () => Promise<void>): Promise<void> {
    const { cluster, kubectl } = this.#env;
    const args = ['pod', '-n', this.#namespace, pod];
    const { status } = await getJson<{ status: { podIPs: { ip: string }[] } }>(kubectl, args);
    const rules = status.podIPs.flatMap(({ ip }) =>
      ['saddr', 'daddr'].map((end) => `${isIPv6(ip) ? 'ip6' : 'ip'} ${end} ${ip} drop`),
    );
    await cluster.exec(node, ['nft', '-f', '-'], { input: forwardTable(table, rules) });
    try {
      await body();
    } finally {
      await cluster.exec(node, ['nft', 'delete', 'table', 'inet', table]);
    }
  }
}

/** Runs `look` again and again while `body` runs, and once afterwards. */
async function whileRunning(body: () => Promise<void>, look: () => Promise<void>): Promise<void> {
  let running = true;
  const lookAgain = async () => {
    for (; running; await sleep(lookEveryMs)) await look();
    await look();
  };
  const looking = lookAgain();
  try {
    await body();
  } finally {
    running = false;
    await looking;
  }
}

/** How many turns of its probes an agent has counted, whatever came of them. */
function turnsOf(metrics: Metrics): number {
  const counters = [
    ...['dns_latency_seconds_count', 'dns_resolve_error_total'],
    ...['network_latency_seconds_count', 'network_dial_error_total'],
  ];
  return counters.reduce((sum, name) => sum + metrics.sum(name), 0);
}

/** Whether an agent has a series of that node. */
export async function hasPeer(agent: Agent, node: string): Promise<boolean> {
  return (await metricsOf(agent)).find('network_latency_seconds_count', { peer_node: node }).length > 0;
}
