import type { SuspectKind } from '../../src/contract/suspects.ts';
import { getJson, type Kubectl } from '../e2e/agents.ts';
import { type Environment, operatorNamespace } from '../e2e/environment.ts';
import { leaseOf, operatorMetrics, operatorsOf } from '../e2e/operators.ts';
import type { Snapshot, StatusSuspect } from './outcomes.ts';

/** Names in this domain are the cluster's own: only they make DNSHealthy False. */
const clusterDomain = '.cluster.local.';

/** The condition that a suspect of each kind makes False. */
const conditionOf: Readonly<Record<SuspectKind, 'NetworkHealthy' | 'DNSHealthy'>> = {
  Node: 'NetworkHealthy',
  Link: 'NetworkHealthy',
  ServicePath: 'NetworkHealthy',
  ZonePair: 'NetworkHealthy',
  Zone: 'NetworkHealthy',
  DNSServer: 'DNSHealthy',
  Host: 'DNSHealthy',
};

/** How the conditions and the suspects of one status contradict each other, each in a sentence. */
export function contradictions({ suspects, conditions }: Pick<Snapshot, 'suspects' | 'conditions'>): string[] {
  return (['NetworkHealthy', 'DNSHealthy'] as const).flatMap((type) => {
    const causes = suspects.filter(
      ({ kind, name }) => conditionOf[kind] === type && (kind !== 'Host' || name.endsWith(clusterDomain)),
    );
    const { status = 'absent', message = '' } = conditions[type] ?? {};
    if (causes.length === 0)
      return status === 'False' ? [`${type} is False without a suspect that it is about: ${message}`] : [];
    const names = causes.map(({ kind, name }) => `${kind} ${name}`).join(', ');
    if (status !== 'False') return [`${type} is ${status} with ${names}`];
    return message.includes(causes[0]!.evidence) ? [] : [`${type} does not say "${causes[0]!.evidence}": ${message}`];
  });
}

/** The suspects that the leader's metrics show, as `kind name reason`, sorted. */
export async function suspectsInMetrics(env: Pick<Environment, 'kubectl'>, namespace: string, netexporter: string) {
  const [{ pod }, operators] = await Promise.all([leaseOf(env), operatorsOf(env)]);
  const leader = operators.find(({ name }) => name === pod);
  if (!leader) throw new Error(`${operatorNamespace}/${pod} leads and is gone`);
  const metrics = await operatorMetrics(leader);
  return metrics
    .find('net_exporter_suspect', { namespace, netexporter })
    .filter(({ value }) => value === 1)
    .map(({ labels: { kind, name, reason } }) => `${kind} ${name} ${reason}`)
    .sort();
}

/** The same of a status. */
export function suspectsInStatus({ suspects }: Pick<Snapshot, 'suspects'>): string[] {
  return suspects.map(({ kind, name, reason }) => `${kind} ${name} ${reason}`).sort();
}

/** An Event about a suspect. */
export interface SuspectEvent {
  reason: string;
  note: string;
  regarding: { kind: string; name: string };
  eventTime: string;
  /** Of an Event that happened again. */
  series?: { lastObservedTime: string };
}

/** The Events about suspects of a NetExporter, or of a Node, whose Events are in the namespace `default`. */
export async function suspectEvents(
  kubectl: Kubectl,
  namespace: string,
  regarding: { kind: 'NetExporter' | 'Node'; name: string },
): Promise<SuspectEvent[]> {
  const { items } = await getJson<{ items: SuspectEvent[] }>(kubectl, ['events.events.k8s.io', '-n', namespace]);
  return items.filter(
    ({ reason, regarding: { kind, name } }) =>
      reason.startsWith('Suspect') && kind === regarding.kind && name === regarding.name,
  );
}

/** Whether an Event says that a suspect was found, or is gone. @param since milliseconds since the epoch */
export function isTold(
  events: readonly SuspectEvent[],
  reason: 'SuspectFound' | 'SuspectCleared',
  { name }: Pick<StatusSuspect, 'name'>,
  since: number,
): boolean {
  // A sentence says `a → b` where the name is `a>b`.
  const parts = name.split(/<?>/);
  return events.some(
    ({ reason: told, note, eventTime, series }) =>
      told === reason &&
      Date.parse(series?.lastObservedTime ?? eventTime) >= since &&
      parts.every((part) => note.includes(part)),
  );
}
