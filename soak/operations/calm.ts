import { configuredCount, expectedPods, lacksOf } from './agents-truth.ts';
import type { Moment } from './moment.ts';
import { childrenOf } from './reasons.ts';

/** How long a leader leads until the cluster counts as calm, in milliseconds: it keeps figures for five seconds. */
const settledLeaderMs = 7000;

/** What a cluster at rest has. */
export interface AtRest {
  /** The NetExporter's name. */
  name: string;
  /** How many nodes there are, each with an agent. */
  nodes: number;
  /** How many operators. */
  operators: number;
}

/** What is missing until everything is as at rest, and the operator says so; empty when nothing is. */
export function unrest(moment: Moment, readyOperators: number, { name, nodes, operators }: AtRest): string[] {
  const { at, resource, daemonSet, leader, hasSyncService } = moment;
  if (!resource) return ['there is no NetExporter'];
  const present = moment.children.filter(({ owner, isDeleting }) => owner === resource.uid && !isDeleting);
  const names = present.map((child) => `${child.kind} ${child.name}`);
  const missing = childrenOf(name, resource).filter((child) => !names.includes(child));
  const usable = moment.nodes.filter(({ isReady, isCordoned }) => isReady && !isCordoned).length;
  const configured = configuredCount(moment, resource.generation).least;
  const agents = expectedPods(moment);
  return [
    ...(leader && at - leader.since >= settledLeaderMs ? [] : ['there is no leader, or a new one']),
    ...(readyOperators === operators ? [] : [`${readyOperators} of ${operators} operators are ready`]),
    ...(usable === nodes ? [] : [`${usable} of ${nodes} nodes are ready and schedulable`]),
    ...(hasSyncService ? [] : ['the Service that agents call is missing']),
    ...missing.map((child) => `${child} is missing`),
    ...lacksOf(moment).map((lack) => `agents: ${lack}`),
    ...(daemonSet?.desired === nodes ? [] : [`the DaemonSet wants ${daemonSet?.desired ?? 0} of ${nodes} agents`]),
    ...(agents.possible.length === nodes ? [] : [`there are ${agents.possible.length} pods of agents`]),
    ...(configured === nodes ? [] : [`${configured} of ${nodes} agents have the newest settings and report`]),
    ...unsaid(moment, nodes),
  ];
}

/** What the operator does not say of a cluster at rest. */
function unsaid({ resource }: Moment, nodes: number): string[] {
  const { generation = 0, status } = resource ?? {};
  const wanted = { Ready: 'True', Reconciling: 'False', Stalled: 'False', ConfigPropagated: 'True' };
  const { desired, ready, configured, reporting } = status?.agents ?? {};
  const figures = Object.entries({ desired, ready, configured, reporting });
  return [
    ...(status?.observedGeneration === generation ? [] : [`the status is of generation ${status?.observedGeneration}`]),
    ...figures.flatMap(([state, count]) => (count === nodes ? [] : [`the status says ${count} ${state}`])),
    ...Object.entries(wanted).flatMap(([type, value]) => {
      const said = status?.conditions.find((condition) => condition.type === type);
      if (said?.status === value && said.observedGeneration === generation) return [];
      return [
        `${type} is ${said?.status} of generation ${said?.observedGeneration}: ${said?.reason}: ${said?.message}`,
      ];
    }),
  ];
}
