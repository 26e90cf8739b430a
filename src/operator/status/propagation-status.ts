import { withoutSecrets } from '../../base/redaction.ts';
import type { NetExporterStatus } from '../../crd/net-exporter.ts';
import type { Propagation, PropagationFinding } from '../agents/propagation.ts';
import { listed } from './wording.ts';

/** Of the agents' status, the figures that sync knows. */
type Figures = Pick<NonNullable<NetExporterStatus['agents']>, 'configured' | 'reporting'>;

/** What sync adds to a status: the figures, and the verdict about the condition ConfigPropagated. */
export interface PropagationStatus {
  figures: Figures;
  /** Undefined: the condition stays as it was. */
  verdict: [holds: boolean, { reason: string; message: string }] | undefined;
}

/** What sync has to say; undefined where this operator does not sync. */
export function propagationStatus(
  finding: PropagationFinding | undefined,
  previous: NetExporterStatus | undefined,
): PropagationStatus | undefined {
  if (finding === undefined) return undefined;
  if (finding === 'unknown') return { figures: figuresOf(previous?.agents), verdict: undefined };
  if ('obstacle' in finding)
    return { figures: {}, verdict: [false, { reason: 'SyncUnavailable', message: finding.obstacle }] };
  if ('unplanned' in finding) {
    const message = `The targets of the agents cannot be planned, so they keep those that they have: ${withoutSecrets(finding.unplanned)}. The operator retries; its log says more.`;
    return { figures: figuresOf(previous?.agents), verdict: [false, { reason: 'PlanFailed', message }] };
  }
  const { agents, configured, reporting, waiting, unlinked, missingDns } = finding;
  const figures = { configured, reporting };
  if (agents === 0) return { figures, verdict: [true, { reason: 'NoAgents', message: 'there are no agents' }] };
  const count = `${configured} of ${agents} agents have the present settings and targets`;
  if (waiting.length === 0) {
    const message = [count, ...missingDnsService(missingDns), ...unlinkedZones(unlinked)].join('; ');
    return { figures, verdict: [true, { reason: 'AgentsConfigured', message }] };
  }
  const lacks = waiting.map(({ node, why }) => `node ${node}: ${why}`);
  return {
    figures,
    verdict: [false, { reason: 'AgentsWaiting', message: `${count}; ${listed(lacks, agents - configured)}` }],
  };
}

/** What is not measured, and what would help. */
function missingDnsService(service: string | undefined): string[] {
  if (service === undefined) return [];
  return [
    `no DNS pod is asked directly: the Service ${service}, which spec.dns.service names, has no EndpointSlice; name one that has pods, or leave spec.dns.service.name empty to have it found`,
  ];
}

/** The same of zones. */
function unlinkedZones(unlinked: Propagation['unlinked']): string[] {
  if (!unlinked) return [];
  const { count, first } = unlinked;
  const such = count === 1 ? '' : `, and ${count - 1} more pairs of zones`;
  return [
    `nobody probes from ${first[0]} to ${first[1]}${such}: their agents are too few for spec.network.peersPerAgent`,
  ];
}

function figuresOf(agents: Figures | undefined): Figures {
  const { configured, reporting } = agents ?? {};
  return { ...(configured !== undefined && { configured }), ...(reporting !== undefined && { reporting }) };
}
