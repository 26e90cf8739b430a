import { settingsMetrics } from '../../../../../src/contract/metrics/agent-metrics.ts';
import { judgementMetrics } from '../../../../../src/contract/metrics/judgement-metrics.ts';
import { labelValues } from '../../../../../src/contract/metrics/metric.ts';
import { leaderMetrics } from '../../../../../src/contract/metrics/operator-metrics.ts';
import { dnsMetrics, networkMetrics, ntpMetrics } from '../../../../../src/contract/metrics/probe-metrics.ts';
import { processMetrics } from '../../../../../src/contract/metrics/process-metrics.ts';
import { resourceMetrics } from '../../../../../src/contract/metrics/resource-metrics.ts';
import { operatorName } from '../../../../../src/contract/operator-names.ts';
import type { SuspectKind, SuspectReason } from '../../../../../src/contract/suspects.ts';
import { type InputSeries, scrapeSeconds } from './promtool.ts';

/** An agent, from its start to its end. Times are minutes. */
export interface Agent {
  pod: string;
  node: string;
  zone: string;
  begins?: number;
  ends?: number;
  /** When its container starts again, so that its counters start at zero. */
  restarts?: number;
  version?: string;
}

/** How the probes of a target go: shares of them, and the latency of successful ones in seconds. */
export interface Outcome {
  failed?: number;
  retransmitted?: number;
  /** Share of the successes that are slow: 0.5 s. */
  slow?: number;
}

/** What happens. Each function gets the time in minutes. */
export interface World {
  minutes: number;
  labels?: Record<string, string>;
  namespace?: string;
  name?: string;
  agents?: Agent[];
  hosts?: string[];
  servers?: string[];
  timeServers?: string[];
  /** Without it, every probe succeeds. */
  probe?: (from: Agent, to: Agent, minute: number) => Outcome;
  /** Of the agents' Service. */
  service?: (agent: Agent, minute: number) => Outcome;
  lookup?: (agent: Agent, server: string, host: string, minute: number) => Outcome;
  /** Seconds; undefined: the request failed. */
  offset?: (agent: Agent, server: string, minute: number) => number | undefined;
  /** Whether Prometheus can scrape the agent. */
  isScraped?: (agent: Agent, minute: number) => boolean;
  syncAge?: (agent: Agent, minute: number) => number;
  /** What every counter has counted before the first scrape. */
  counted?: number;
  /** Index of the operator that leads; -1: none does; undefined: none runs. */
  leader?: (minute: number) => number | undefined;
  suspects?: (minute: number) => { kind: SuspectKind; name: string; reason: SuspectReason }[];
  /** Seconds since the last judgement; undefined: there is none. */
  judged?: (minute: number) => number | undefined;
  /** Conditions that are not as when all is well. */
  conditions?: (minute: number) => Record<string, string>;
  states?: (minute: number) => Partial<Record<string, number | undefined>>;
}

/** Two in each of two zones. */
export const fourAgents: Agent[] = ['a', 'a', 'b', 'b'].map((zone, index) => ({
  pod: `default-agent-${index + 1}`,
  node: `node-${index + 1}`,
  zone,
}));
export const clusterName = 'kubernetes.default.svc.cluster.local.';
export const externalName = 'example.com.';
export const resolver = '10.96.0.10:53';
export const dnsPod = '10.244.1.2:53';

const healthy = {
  Ready: 'True',
  Reconciling: 'False',
  Stalled: 'False',
  ConfigPropagated: 'True',
  DNSHealthy: 'True',
  NetworkHealthy: 'True',
};
/** Probes between two scrapes. */
const probes = scrapeSeconds / 10;

/** The series of a NetExporter and of two operators, as Prometheus has them. */
export function seriesOf(world: World): InputSeries[] {
  return [...agentSeries(world), ...operatorSeries(world)];
}

/** The time of each scrape, in minutes. */
function scrapes({ minutes }: World): number[] {
  return Array.from({ length: (minutes * 60) / scrapeSeconds + 1 }, (_, index) => (index * scrapeSeconds) / 60);
}

function agentSeries(world: World): InputSeries[] {
  const { namespace = 'monitoring', name = 'default', agents = fourAgents, labels = {} } = world;
  const { hosts = [clusterName, externalName], servers = [resolver, dnsPod] } = world;
  const { timeServers = [], isScraped = () => true } = world;
  const times = scrapes(world);
  return agents.flatMap((agent) => {
    const target = { ...labels, namespace, netexporter: name, pod: agent.pod, job: 'agents' };
    const exists = (minute: number) => minute >= (agent.begins ?? 0) && minute < (agent.ends ?? Infinity);
    const isSeen = (minute: number) => exists(minute) && isScraped(agent, minute);
    const gauge = (metric: string, more: Record<string, string>, value: (minute: number) => number | undefined) => ({
      name: metric,
      labels: { ...target, ...more },
      values: times.map((minute) => (isSeen(minute) ? value(minute) : undefined)),
    });
    /** @param share of the probes that count, at a time */
    const counter = (metric: string, more: Record<string, string>, share: (minute: number) => number) => {
      let sum = world.counted ?? 0;
      const totals = times.map((minute) => {
        if (minute === agent.restarts) sum = 0;
        if (exists(minute)) sum += probes * share(minute);
        return [minute, sum] as const;
      });
      const at = new Map(totals);
      return gauge(metric, more, (minute) => round(at.get(minute)!));
    };
    const probed = (
      metrics: typeof dnsMetrics | typeof networkMetrics,
      more: Record<string, string>,
      outcome: (minute: number) => Outcome,
    ) => {
      const succeeded = (minute: number) => 1 - (outcome(minute).failed ?? 0);
      const fast = (minute: number) => succeeded(minute) * (1 - (outcome(minute).slow ?? 0));
      return [
        counter(metrics.errors.name, more, (minute) => outcome(minute).failed ?? 0),
        counter(`${metrics.latency.name}_count`, more, succeeded),
        counter(`${metrics.latency.name}_bucket`, { ...more, le: '0.0015' }, fast),
        counter(`${metrics.latency.name}_bucket`, { ...more, le: '0.1' }, fast),
        counter(`${metrics.latency.name}_bucket`, { ...more, le: '1.05' }, succeeded),
        counter(`${metrics.latency.name}_bucket`, { ...more, le: '+Inf' }, succeeded),
      ];
    };
    const others = agents.filter((other) => other !== agent);
    const network = others.flatMap((to) => {
      const peer = { host: `${to.pod}:8000`, protocol: 'TCP', peer_node: to.node, peer_zone: to.zone };
      // A peer that has not begun or has ended as planned is no target.
      const isTarget = (minute: number) => minute >= (to.begins ?? 0) && minute < (to.ends ?? Infinity);
      const outcome = (minute: number) => world.probe?.(agent, to, minute) ?? {};
      const all = [
        ...probed(networkMetrics, peer, outcome),
        counter(networkMetrics.retransmits.name, peer, (minute) => outcome(minute).retransmitted ?? 0),
      ];
      return all.map((one) => ({ ...one, values: one.values.map((v, i) => (isTarget(times[i]!) ? v : undefined)) }));
    });
    const service = probed(
      networkMetrics,
      { host: '10.96.0.80:8000', protocol: 'TCP' },
      (minute) => world.service?.(agent, minute) ?? {},
    );
    const dns = servers.flatMap((server) =>
      hosts.flatMap((host) =>
        probed(
          dnsMetrics,
          { host, server, protocol: 'UDP', type: 'A' },
          (minute) => world.lookup?.(agent, server, host, minute) ?? {},
        ),
      ),
    );
    const ntp = timeServers.flatMap((server) => [
      gauge(ntpMetrics.offset.name, { server }, (minute) =>
        world.offset ? world.offset(agent, server, minute) : 0.001,
      ),
      counter(ntpMetrics.errors.name, { server }, () => 0),
    ]);
    return [
      {
        name: 'up',
        labels: target,
        values: times.map((minute) => (exists(minute) ? Number(isSeen(minute)) : undefined)),
      },
      gauge(settingsMetrics.info.name, { agent_node: agent.node, agent_zone: agent.zone }, () => 1),
      gauge(processMetrics.buildInfo.name, { version: agent.version ?? '1.0.0' }, () => 1),
      gauge(settingsMetrics.syncAge.name, {}, (minute) => world.syncAge?.(agent, minute) ?? 7),
      ...network,
      ...service,
      ...dns,
      ...ntp,
    ];
  });
}

function operatorSeries(world: World): InputSeries[] {
  const { namespace = 'monitoring', name = 'default', agents = fourAgents, labels = {}, leader = () => 0 } = world;
  const times = scrapes(world);
  const running = (minute: number) =>
    agents.filter(({ begins = 0, ends = Infinity }) => minute >= begins && minute < ends).length;
  return [0, 1].flatMap((index) => {
    const target = { ...labels, pod: `${operatorName}-${index}`, job: 'operator' };
    const ofResource = { ...target, namespace, netexporter: name };
    const isUp = (minute: number) => leader(minute) !== undefined;
    const led = (metric: string, more: Record<string, string>, value: (minute: number) => number | undefined) => ({
      name: metric,
      labels: { ...ofResource, ...more },
      values: times.map((minute) => (leader(minute) === index ? value(minute) : undefined)),
    });
    const found = times.flatMap((minute) => world.suspects?.(minute) ?? []);
    const suspects = new Map(found.map((suspect) => [JSON.stringify(suspect), suspect]));
    const conditionAt = (type: string, minute: number) =>
      ({ ...healthy, ...world.conditions?.(minute) })[type as keyof typeof healthy];
    const states = (state: string, minute: number) => {
      const changed = world.states?.(minute) ?? {};
      return state in changed ? changed[state] : running(minute);
    };
    return [
      {
        name: leaderMetrics.status.name,
        labels: { ...target, namespace: 'net-exporter-system', name: operatorName },
        values: times.map((minute) => (isUp(minute) ? Number(leader(minute) === index) : undefined)),
      },
      led(resourceMetrics.generation.name, {}, () => 1),
      led(judgementMetrics.judged.name, {}, (minute) => {
        const age = world.judged ? world.judged(minute) : 5;
        return age === undefined ? undefined : Math.max(0, minute * 60 - age);
      }),
      ...[...suspects].map(([key, suspect]) =>
        led(judgementMetrics.suspect.name, { ...suspect }, (minute) =>
          world.suspects!(minute).some((one) => JSON.stringify(one) === key) ? 1 : undefined,
        ),
      ),
      ...labelValues(resourceMetrics.agents, 'state').map((state) =>
        led(resourceMetrics.agents.name, { state }, (minute) => states(state, minute)),
      ),
      ...labelValues(resourceMetrics.condition, 'type').flatMap((type) =>
        labelValues(resourceMetrics.condition, 'status').map((status) =>
          led(resourceMetrics.condition.name, { type, status }, (minute) =>
            Number(conditionAt(type, minute) === status),
          ),
        ),
      ),
    ];
  });
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
