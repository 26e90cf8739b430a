import { shortened } from '../../base/bounded-text.ts';
import type { ConditionReason } from '../../contract/reasons.ts';
import { suspectRemedies } from '../../contract/suspect-remedies.ts';
import type { SuspectKind } from '../../contract/suspects.ts';
import type { NetExporterStatus, StatusSuspect } from '../../crd/net-exporter.ts';
import { maxEvidence, maxSuspects } from '../../crd/status.ts';
import type { Suspect } from '../judge/judge.ts';
import type { JudgedFleet, JudgedPart, UnknownReason } from '../judge/judged-fleet.ts';
import { linksOf } from '../judge/shown-judgement.ts';
import { isClusterName } from './cluster-name.ts';
import { timestamp } from './wording.ts';

/** Maximum number of suspects that a message describes, and the maximum length of each description. */
const maxDescribed = 3;
const maxDescription = 220;

/** What the operator knows about the health of DNS and network. */
export interface HealthFinding {
  /** Undefined until the first judgement of this operator. */
  judged: JudgedFleet | undefined;
  /** Whether this operator syncs with agents, so that it has their reports. */
  isSynced: boolean;
  isPaused: boolean;
  /** Whether the DaemonSet matches no node. */
  isWithoutNodes: boolean;
}

interface Verdict {
  reason: ConditionReason;
  message: string;
}

type Health = [holds: boolean | 'Unknown', verdict: Verdict];

/** The fields of a status about the health of DNS and network. */
type HealthFields = Pick<NetExporterStatus, 'dns' | 'network' | 'suspects' | 'suspectSummary'>;

/** The part of a status about the health of DNS and network. */
export interface HealthStatus {
  fields: HealthFields;
  /** By type. */
  conditions: Record<HealthCondition, Health>;
  /** Generation of the spec that was judged; undefined if none was. */
  generation: number | undefined;
}

/**
 * Computes the part of a status about health. Until the first judgement, suspects and figures of the previous status
 * stay, so that a new leader can take them over.
 */
export function healthStatus(finding: HealthFinding, previous: NetExporterStatus | undefined): HealthStatus {
  const { judged } = finding;
  const suspects = judged?.verdict.suspects ?? [];
  const conditions = {
    DNSHealthy: healthOf('dns', finding, suspects.filter(concerns.DNSHealthy)),
    NetworkHealthy: healthOf('network', finding, suspects.filter(concerns.NetworkHealthy)),
  };
  if (!judged)
    return { fields: keptFields(finding.isSynced ? previous : undefined), conditions, generation: undefined };
  return { fields: fieldsOf(judged, isKnown(conditions)), conditions, generation: judged.generation };
}

const dnsKinds: readonly string[] = ['DNSServer', 'Host'] satisfies SuspectKind[];

function isOfDns({ kind }: { kind: string }): boolean {
  return dnsKinds.includes(kind);
}

/** By which suspects each condition is False. A name outside of the cluster says nothing about the cluster's DNS. */
export const concerns = {
  DNSHealthy: ({ kind, name }: Pick<StatusSuspect, 'kind' | 'name'>) =>
    kind === 'DNSServer' || (kind === 'Host' && isClusterName(name)),
  NetworkHealthy: (suspect: Pick<StatusSuspect, 'kind' | 'name'>) => !isOfDns(suspect),
} as const;

/** The conditions about the health of DNS and network. */
export type HealthCondition = keyof typeof concerns;

function healthOf(part: 'dns' | 'network', finding: HealthFinding, suspects: readonly Suspect[]): Health {
  const { judged, isSynced, isPaused, isWithoutNodes } = finding;
  if (!isSynced) return ['Unknown', notSynced];
  const unknown = judged?.[part].unknown;
  if (unknown === 'Disabled') return ['Unknown', disabled[part]];
  if (isWithoutNodes) return ['Unknown', withoutNodes];
  if (!judged || unknown === 'NotSynced') return ['Unknown', isPaused ? paused : judged ? unplanned : warming];
  const { isWarming, agents, reporting } = judged.verdict;
  if (unknown !== undefined) return ['Unknown', unknownVerdicts[unknown](judged)];
  if (isWarming) return ['Unknown', warming];
  if (suspects.length > 0) return [false, { reason: 'SuspectsFound', message: suspectsMessage(suspects, judged) }];
  if (reporting * 2 < agents) return ['Unknown', unknownVerdicts.NoReports(judged)];
  const message = `The reports of the last ${windowOf(judged)} show no fault of ${subjects[part]}.`;
  return [true, { reason: 'NoSuspects', message }];
}

const subjects = {
  dns: 'a DNS server or of a name of the cluster',
  network: 'a node, link, Service path or zone',
} as const;

/** The worst suspects with their evidence, and what to do about the first. */
function suspectsMessage(suspects: readonly Suspect[], judged: JudgedFleet): string {
  const count = suspects.length === 1 ? '1 suspect' : `${suspects.length} suspects`;
  const described = suspects.slice(0, maxDescribed).map(({ evidence }) => shortened(evidence, maxDescription));
  const more = suspects.length - described.length;
  return [
    `${count} in the reports of the last ${windowOf(judged)}:`,
    ...described,
    ...(more > 0 ? [`And ${more} more in status.suspects.`] : []),
    suspectRemedies[suspects[0]!.kind],
  ].join(' ');
}

const notSynced: Verdict = {
  reason: 'NotSynced',
  message: 'This operator does not sync with agents, so it has no reports of them.',
};
const paused: Verdict = {
  reason: 'Paused',
  message: 'This operator judges nothing while it is paused, because it has not planned what agents probe.',
};
const unplanned: Verdict = {
  reason: 'NotSynced',
  message: 'The agents do not have targets of this operator yet; see ConfigPropagated.',
};
const warming: Verdict = {
  reason: 'Warming',
  message: 'The operator waits for the first reports of the agents, which takes about 30 seconds.',
};
const withoutNodes: Verdict = {
  reason: 'NoNodes',
  message: 'Nothing is measured, because no node matches spec.agent.nodeSelector, affinity and tolerations.',
};
const disabled: Record<'dns' | 'network', Verdict> = {
  dns: { reason: 'Disabled', message: 'DNS is not probed, because spec.dns.enabled is false.' },
  network: { reason: 'Disabled', message: 'The network is not probed, because spec.network.enabled is false.' },
};

const unknownVerdicts: Record<Exclude<UnknownReason, 'Disabled' | 'NotSynced'>, (judged: JudgedFleet) => Verdict> = {
  Warming: () => warming,
  NoPeers: () => ({
    reason: 'NoPeers',
    message: 'No agent has a peer, because fewer than two agents run. Run agents on at least two nodes.',
  }),
  NoReports: ({ verdict: { agents, reporting } }) => ({
    reason: 'NoReports',
    message: `Only ${reporting} of ${agents} agents report. Check ConfigPropagated, the nodes and the logs of the agents.`,
  }),
  IntervalTooLong: (judged) => ({
    reason: 'IntervalTooLong',
    message: `Six probes at the longest interval take ${windowOf(judged)}, and at most 15m are judged. Set spec.dns.interval and spec.network.interval to at most 150s.`,
  }),
};

/** As in a spec: `2m`, `90s`. */
function windowOf({ windowMs }: JudgedFleet): string {
  const seconds = Math.round(windowMs / 1000);
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

function isKnown(conditions: HealthStatus['conditions']): boolean {
  return Object.values(conditions).some(([holds]) => holds !== 'Unknown');
}

function fieldsOf({ verdict, dns, network }: JudgedFleet, known: boolean): HealthFields {
  const { suspects } = verdict;
  return {
    dns: {
      servers: dns.servers,
      hosts: dns.hosts,
      failing: suspects.filter(isOfDns).length,
      ...latenciesOf(dns),
    },
    network: {
      links: linksOf(network),
      failing: suspects.some(concerns.NetworkHealthy) ? network.links.failing : 0,
      ...latenciesOf(network),
    },
    suspects: suspects.slice(0, maxSuspects).map(statusSuspectOf),
    suspectSummary: summaryOf(suspects, known),
  };
}

/** A suspect as the status, Events and the API describe it. */
export function statusSuspectOf({ kind, name, reason, evidence, since }: Suspect): StatusSuspect {
  return { kind, name, reason, evidence: shortened(evidence, maxEvidence), since: timestamp(since) };
}

function summaryOf([worst, ...others]: readonly Suspect[], known: boolean): string {
  if (!worst) return known ? 'none' : 'unknown';
  return `${worst.kind} ${worst.name}${others.length > 0 ? ` +${others.length}` : ''}`;
}

function keptFields({ dns, network, suspects, suspectSummary = 'unknown' }: NetExporterStatus = {}): HealthFields {
  return { ...(dns && { dns }), ...(network && { network }), ...(suspects && { suspects }), suspectSummary };
}

function latenciesOf({ p50, p99 }: JudgedPart): { p50?: string; p99?: string } {
  return {
    ...(p50 !== undefined && { p50: latencyText(p50) }),
    ...(p99 !== undefined && { p99: latencyText(p99) }),
  };
}

/** Two digits, as Go writes durations: `120µs`, `1.2ms`, `2.1s`. @param seconds not negative */
export function latencyText(seconds: number): string {
  const rounded = Number(seconds.toPrecision(2));
  const [factor, unit] = rounded < 1e-3 ? [1e6, 'µs'] : rounded < 1 ? [1e3, 'ms'] : [1, 's'];
  return `${Number((rounded * factor).toPrecision(2))}${unit}`;
}
