import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from '../test/e2e/agents.ts';
import { namespace } from './bench-cluster.ts';
import { readThrottling } from './cpu-throttling.ts';
import { figure } from './figures.ts';
import { latencyWindow, summarize } from './latency-window.ts';
import { everySecond, type MeasuredAgent, withAgents } from './measured-agents.ts';
import { Scraper } from './scraper.ts';
import type { Section } from './section.ts';
import { mean } from './statistics.ts';

const scrapeEveryMs = 100;

/** The agent may use a tenth of a core and is scraped ten times a second: is what it reports still the wire's? */
export const throttled: Section = async (bench, quick) => {
  const resources = { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '100m', memory: '128Mi' } };
  const spec = { agent: { resources }, dns: { enabled: false }, network: everySecond };
  return await withAgents(bench, 'throttled', spec, async (agents) => {
    const seconds = quick ? 45 : 240;
    const ended = new AbortController();
    const cgroups = await Promise.all(agents.map(({ pod }) => bench.cluster.podCgroup(namespace, pod, 'agent')));
    const startedAt = performance.now();
    const throttledBefore = cgroups.map(readThrottling);
    const often = agents.map((agent) => scrapeOften(agent, ended.signal));
    let window: Awaited<ReturnType<typeof latencyWindow>>;
    try {
      window = await latencyWindow(bench, agents, { seconds, names: [] });
    } finally {
      ended.abort();
    }
    const tookSeconds = (performance.now() - startedAt) / 1000;
    const scrapes = await Promise.all(often);
    const tcp = summarize(window.tcp);
    return {
      figures: [figure('tcp_excess_seconds_throttled', tcp.excess, 's', { atMost: 50e-6 })],
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

/** Scrapes until told to end, one at a time. A throttled agent may fail one. @returns how long each took, in seconds */
async function scrapeOften(agent: MeasuredAgent, signal: AbortSignal): Promise<number[]> {
  const scraper = new Scraper(hostOf(agent));
  const took: number[] = [];
  const failed: unknown[] = [];
  for (let due = performance.now(); !signal.aborted; due = Math.max(due + scrapeEveryMs, performance.now())) {
    const startedAt = performance.now();
    await scraper.scrape().then(
      () => took.push((performance.now() - startedAt) / 1000),
      (error: unknown) => failed.push(error),
    );
    await sleep(Math.max(0, due + scrapeEveryMs - performance.now()), undefined, { signal }).catch(() => {});
  }
  scraper.close();
  if (took.length === 0) throw new Error(`no scrape of ${agent.pod} succeeded`, { cause: failed[0] });
  return took;
}
