import { withoutSecrets } from '../../base/redaction.ts';
import { syncServiceName } from '../../contract/operator-names.ts';
import type { ConditionReason } from '../../contract/reasons.ts';
import type { NetExporterStatus } from '../../crd/net-exporter.ts';
import {
  type DnsServiceFault,
  notCalled,
  type Propagation,
  type PropagationFinding,
  silenced,
} from '../agents/propagation.ts';
import { maxDnsServices, maxEndpoints } from '../dns/dns-watch.ts';
import { listOf, withPeriod } from './wording.ts';

/** The counts in `status.agents` that sync provides. */
type Figures = Pick<NonNullable<NetExporterStatus['agents']>, 'configured' | 'reporting' | 'generation'>;

interface Verdict {
  reason: ConditionReason;
  message: string;
}

/** Whether the agents have the current settings and targets. */
export const propagated = 'ConfigPropagated';

/** What sync adds to a status: counts, and the condition ConfigPropagated. */
export interface PropagationStatus {
  figures: Figures;
  /** Undefined: the condition does not change. */
  verdict: [holds: boolean | 'Unknown', Verdict] | undefined;
}

/**
 * Computes the part of the status that sync adds.
 * @param finding undefined if this operator does not sync with agents
 * @param described the generation of the spec that the status is about
 * @param exceeded a full sentence for each limit to which the operator cut what agents probe
 * @param isPaused whether reconciling is paused
 */
export function propagationStatus(
  finding: PropagationFinding | undefined,
  previous: NetExporterStatus | undefined,
  described: number,
  exceeded: readonly string[],
  isPaused: boolean,
): PropagationStatus {
  if (finding === undefined) return { figures: {}, verdict: ['Unknown', notSynced] };
  if (finding === 'early') {
    // Every condition is there from the first write on, and is about the current spec.
    const isCurrent = previous?.conditions?.some(
      ({ type, observedGeneration }) => type === propagated && observedGeneration === described,
    );
    return { figures: figuresOf(previous?.agents), verdict: isCurrent ? undefined : ['Unknown', isWarming] };
  }
  if (finding === 'unknown') return { figures: {}, verdict: ['Unknown', isWarming] };
  if ('unapplied' in finding)
    return {
      figures: { reporting: finding.reporting },
      verdict: ['Unknown', isPaused ? unknownWhilePaused : unapplied],
    };
  if ('obstacle' in finding) {
    const fact = `Agents cannot sync with the operator: ${withPeriod(finding.obstacle)}`;
    const message = `${fact} Correct that; the operator retries. Until then, agents receive settings by their ConfigMap only.`;
    return { figures: {}, verdict: [false, { reason: 'SyncUnavailable', message }] };
  }
  if ('unplanned' in finding) {
    const cause = withPeriod(withoutSecrets(finding.unplanned));
    const consequence = 'Agents keep their targets; the operator retries, and its log has the error.';
    const message = `Cannot plan the targets of the agents: ${cause} ${consequence}`;
    return { figures: figuresOf(previous?.agents), verdict: [false, { reason: 'PlanFailed', message }] };
  }
  const { agents, configured, reporting, generation, unheard, overdue, waiting, unlinked, dnsFault } = finding;
  const figures = { configured, reporting, ...(generation !== undefined && { generation }) };
  if (agents === 0) return { figures, verdict: [true, { reason: 'NoAgents', message: 'There are no agents.' }] };
  const count = `${configured} of ${agents} agents have the current settings and targets.`;
  if (waiting.length === 0) {
    const message = [count, ...exceeded, ...unusableDnsService(dnsFault), ...unlinkedZones(unlinked)].join(' ');
    const reason = exceeded.length > 0 ? 'ProbesLimited' : 'AgentsConfigured';
    return { figures, verdict: [true, { reason, message }] };
  }
  const named = listOf(
    waiting.map(({ node, why }) => `${node} (${why})`),
    agents - configured,
  );
  const wait = `Waiting for: ${named}. ${remedyFor(waiting, overdue)}`;
  const message = [count, wait, ...exceeded, ...unusableDnsService(dnsFault)].join(' ');
  if (unheard === agents - configured) return { figures, verdict: ['Unknown', { reason: 'Warming', message }] };
  return { figures, verdict: [false, { reason: overdue.length > 0 ? 'AgentsOutOfSync' : 'AgentsWaiting', message }] };
}

const notSynced: Verdict = {
  reason: 'NotSynced',
  message:
    'This operator does not sync with agents, so it does not know what they have. Agents receive settings by their ConfigMap.',
};
const isWarming: Verdict = {
  reason: 'Warming',
  message:
    'The operator has not heard of the agents yet, because it became the leader or the NetExporter was created a moment ago. This resolves without action: within 45 seconds, the condition names the agents that have not called.',
};
const unknownWhilePaused: Verdict = {
  reason: 'Paused',
  message:
    'The operator does not know what the agents should have while it is paused. Remove the annotation net-exporter.dev/paused to resume.',
};

const unapplied: Verdict = {
  reason: 'NotApplied',
  message: 'The operator does not know what the agents should have, because it has not applied the spec; see Ready.',
};

/** What to check about agents that wait, the most likely first: one that calls reaches the operator. */
function remedyFor(waiting: Propagation['waiting'], overdue: Propagation['overdue']): string {
  const isReached = waiting.every(({ why }) => why !== notCalled && why !== silenced);
  const steps = isReached
    ? 'the logs of these agents'
    : `in this order: whether the node is ready, the log of its agent, and the path from the node to the Service ${syncServiceName} (kube-proxy, NetworkPolicies)`;
  if (overdue.length > 0) return `Check ${steps}.`;
  return `Agents that are ready usually follow within seconds. If this persists, check ${steps}.`;
}

/** What is not measured because the DNS Service is missing or not watched, and what to do. */
function unusableDnsService(fault: DnsServiceFault | undefined): string[] {
  if (!fault) return [];
  const { service, reason } = fault;
  if (reason === 'missing')
    return [
      `Agents query no DNS pod directly because the Service ${service} in spec.dns.service has no EndpointSlice.`,
      'Set spec.dns.service to a Service that has pods, or leave spec.dns.service.name empty.',
    ];
  if (reason === 'tooManyPods')
    return [
      `Agents query only some pods of the Service ${service} in spec.dns.service, which has over ${maxEndpoints} endpoints.`,
      'Set spec.dns.service to a Service with fewer endpoints.',
    ];
  return [
    `Agents query no DNS pod directly because the Service ${service} in spec.dns.service is not watched:`,
    `NetExporters already refer to ${maxDnsServices} other Services, the maximum.`,
    'Refer to one of those, or leave spec.dns.service.name empty.',
  ];
}

/** What is not measured because pairs of zones have no link, and what to do. */
function unlinkedZones(unlinked: Propagation['unlinked']): string[] {
  if (!unlinked) return [];
  const { count, first } = unlinked;
  const more = count === 2 ? '1 more pair' : `${count - 1} more pairs`;
  const pairs = count === 1 ? '' : `, nor across ${more} of zones`;
  return [
    `No agent probes from zone ${first[0]} to zone ${first[1]}${pairs}, because there are too few agents.`,
    'Increase spec.network.peersPerAgent or the number of agents.',
  ];
}

function figuresOf(agents: Figures | undefined): Figures {
  const { configured, reporting, generation } = agents ?? {};
  return {
    ...(configured !== undefined && { configured }),
    ...(reporting !== undefined && { reporting }),
    ...(generation !== undefined && { generation }),
  };
}
