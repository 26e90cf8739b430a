import { figure } from './figures.ts';
import { attempts, everySecond, scrapeAgents, targets, withAgents } from './measured-agents.ts';
import type { Section } from './section.ts';

/** Are all the probes made that the schedule owes? Without a capture, which would take the machine's time. */
export const schedule: Section = async (bench, quick) =>
  await withAgents(bench, 'schedule', { dns: everySecond, network: everySecond }, async (agents) => {
    const before = await scrapeAgents(agents);
    await bench.pass(quick ? 60 : 600);
    const after = await scrapeAgents(agents);
    const perAgent = after.map(({ metrics, at }, i) => {
      const { metrics: earlier, at: since } = before[i]!;
      const rise = (name: string, labels = {}) => metrics.sum(name, labels) - earlier.sum(name, labels);
      return {
        node: agents[i]!.node,
        made: attempts(metrics) - attempts(earlier),
        // One a second for each target.
        owed: targets(metrics) * (at - since),
        skippedRunning: rise('net_exporter_turns_skipped_total', { reason: 'running' }),
        skippedLate: rise('net_exporter_turns_skipped_total', { reason: 'late' }),
        lagSeconds: metrics.sum('net_exporter_scheduler_lag_seconds'),
      };
    });
    const total = (key: 'made' | 'owed') => perAgent.reduce((sum, agent) => sum + agent[key], 0);
    return {
      figures: [figure('schedule_ratio', total('made') / total('owed'), '', { atLeast: 0.999 })],
      details: { agents: perAgent },
    };
  });
