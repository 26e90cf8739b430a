import type { AgentPod } from '../src/operator/agents/agent-pod.ts';
import { FleetPlan, type PlanInput } from '../src/operator/plan/fleet-plan.ts';
import type { NodeFacts } from '../src/operator/plan/node-facts.ts';
import { agentPod } from '../test/unit/operator/agent-pod-builder.ts';
import { figure } from './figures.ts';
import type { Section } from './section.ts';
import { nodeName, podAddress } from './simulated-objects.ts';
import { quantile } from './statistics.ts';

const peersPerAgent = 10;
const dnsServers = ['10.0.0.2:53', '10.0.0.3:53', '10.0.0.4:53'];
const zones = ['zone-a', 'zone-b', 'zone-c'];

/**
 * How long it takes to plan for so many agents, to plan anew when one pod comes or goes, and how many plans that
 * changes; the operator's own code, by itself.
 */
export function planSection(agents: number): Section {
  return async (_bench, quick) => {
    const fleet = new Fleet(agents);
    // The first ones are slow, since the code is not compiled yet: so it is in an operator that has just been elected.
    const plans = Array.from({ length: quick ? 5 : 20 }, () => {
      const plan = new FleetPlan({ uid: 'bench', epoch: 1, startedAt: Date.now() });
      return secondsOf(() => plan.update(fleet.input));
    });
    const plan = new FleetPlan({ uid: 'bench', epoch: 1, startedAt: Date.now() });
    plan.update(fleet.input);
    const replans: number[] = [];
    const changed: number[] = [];
    for (let round = 0; round < (quick ? 20 : 100); round++)
      for (const pods of fleet.withoutAndWith((round * 37) % agents)) {
        const input = { ...fleet.input, pods };
        replans.push(secondsOf(() => changed.push(plan.update(input).changed.length)));
      }
    return {
      figures: [
        figure(`plan_seconds_${agents}`, quantile(plans, 0.5), 's', { atMost: 0.2 }),
        figure(`replan_seconds_${agents}`, quantile(replans, 0.5), 's', { atMost: 0.005 }),
      ],
      details: { plans, replans: { p99: quantile(replans, 0.99) }, changed: { most: Math.max(...changed) } },
    };
  };
}

/** Ready agents in three zones. */
class Fleet {
  readonly #pods: AgentPod[];
  readonly #nodes: Map<string, NodeFacts>;

  constructor(size: number) {
    const numbers = Array.from({ length: size }, (_, index) => index + 1);
    this.#pods = numbers.map(podOf);
    this.#nodes = new Map(numbers.map((number) => [nodeName(number), nodeOf(number)]));
  }

  get input(): PlanInput {
    const nodes = (name: string) => this.#nodes.get(name);
    return { pods: this.#pods, nodes, dnsServers, peersPerAgent, endpointsPerAgent: 2 };
  }

  /** A pod is deleted, and ends; another one takes its place, and is ready. */
  withoutAndWith(index: number): AgentPod[][] {
    const old = this.#pods[index]!;
    const next = { ...old, uid: `${old.uid}+`, name: `${old.name}+` };
    const others = this.#pods.toSpliced(index, 1);
    const states = [
      [...others, { ...old, deleting: true }],
      others,
      [...others, { ...next, ready: false, wasReady: false }],
      [...others, next],
    ];
    this.#pods.splice(index, 1);
    this.#pods.push(next);
    return states;
  }
}

function podOf(number: number): AgentPod {
  const node = nodeName(number);
  return agentPod({ name: `bench-agent-${number}`, uid: `pod-${number}`, node, addresses: [podAddress(number)] });
}

function nodeOf(number: number): NodeFacts {
  return {
    name: nodeName(number),
    zone: zones[number % zones.length]!,
    ready: true,
    notice: undefined,
    uid: 'node',
    bootId: `boot-${number}`,
  };
}

function secondsOf(work: () => void): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}
