import { agentCount, configuredCount, lacksOf, podsOf, reportingCount } from './agents-truth.ts';
import type { Moment } from './moment.ts';

/** What was so at a moment, on one line. */
export function truthText(moment: Moment): string {
  const { resource, daemonSet, nodes, leader, children, hasSyncService, agents, at } = moment;
  const { generation = 0, isPaused = false } = resource ?? {};
  const bounds = ({ least, most }: { least: number; most: number }) => (least === most ? least : `${least}-${most}`);
  const { desired, ready, updated, current } = daemonSet ?? {};
  const pods = podsOf(moment).map(({ node, uid, isReady, isDeleting, waiting, template, restarts }) => {
    const sample = agents.get(uid);
    const age = sample ? Math.round((sample.syncAge + at - sample.at) / 1000) : '?';
    const state = [isReady ? 'ready' : 'not ready', ...(isDeleting ? ['deleting'] : []), ...(waiting ? [waiting] : [])];
    const sync = `generation ${sample?.generation ?? '?'}, sync age ${age} s`;
    return `${node} (${state.join(', ')}; template ${template}; ${restarts} restarts; ${sync})`;
  });
  return [
    `generation ${generation}${isPaused ? ', paused' : ''}`,
    daemonSet
      ? `DaemonSet: ${ready} ready, ${current} current and ${updated} updated of ${desired}, template ${daemonSet.template}`
      : 'no DaemonSet',
    `pods: ${pods.join(', ') || 'none'}`,
    `nodes not ready: ${nodes.flatMap(({ name, isReady }) => (isReady ? [] : [name])).join(', ') || 'none'}`,
    `agents ${bounds(agentCount(moment))}, reporting ${bounds(reportingCount(moment))}`,
    `configured ${bounds(configuredCount(moment, generation))}`,
    `lacking: ${lacksOf(moment).join(', ') || 'nothing'}`,
    `children: ${children.length}`,
    hasSyncService ? 'sync Service exists' : 'no sync Service',
    leader ? `${leader.pod} leads for ${Math.round((at - leader.since) / 1000)} s` : 'no leader',
  ].join('; ');
}
