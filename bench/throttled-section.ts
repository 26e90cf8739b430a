import { namespace } from './bench-cluster.ts';
import { readThrottling } from './cpu-throttling.ts';
import { figure } from './figures.ts';
import { excessGoal, latencyWindow, summarize } from './latency-window.ts';
import { everySecond, withAgents } from './measured-agents.ts';
import { whileScraped } from './scrape-often.ts';
import type { Section } from './section.ts';
import { mean } from './statistics.ts';

/** The agent may use a tenth of a core and is scraped ten times a second: is what it reports still the wire's? */
export const throttled: Section = async (bench, quick) => {
  const resources = { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '100m', memory: '128Mi' } };
  const spec = { agent: { resources }, dns: { enabled: false }, network: everySecond };
  return await withAgents(bench, 'throttled', spec, async (agents) => {
    const seconds = quick ? 45 : 240;
    const cgroups = await Promise.all(agents.map(({ pod }) => bench.cluster.podCgroup(namespace, pod, 'agent')));
    const startedAt = performance.now();
    const throttledBefore = cgroups.map(readThrottling);
    const { result: window, scrapes } = await whileScraped(agents, () =>
      latencyWindow(bench, agents, { seconds, names: [] }),
    );
    const tookSeconds = (performance.now() - startedAt) / 1000;
    const tcp = summarize(window.tcp);
    return {
      figures: [figure('tcp_excess_seconds_throttled', tcp.excess, 's', excessGoal(50e-6))],
      details: {
        tcp,
        scrapesPerSecondAndAgent: mean(scrapes.map((made) => made.length)) / tookSeconds,
        scrapeMeanSeconds: mean(scrapes.flat()),
        shareOfPeriodsThrottled: cgroups.map((cgroup, i) => {
          const [now, before] = [readThrottling(cgroup), throttledBefore[i]!];
          return (now.throttled - before.throttled) / (now.periods - before.periods);
        }),
      },
    };
  });
};
