import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from '../test/e2e/agents.ts';
import type { MeasuredAgent } from './measured-agents.ts';
import { Scraper } from './scraper.ts';

const scrapeEveryMs = 100;

/** Runs `body` while each agent is scraped ten times a second. @returns also how long the scrapes took, in seconds */
export async function whileScraped<T>(
  agents: readonly MeasuredAgent[],
  body: () => Promise<T>,
): Promise<{ result: T; scrapes: number[][] }> {
  const ended = new AbortController();
  const often = Promise.all(agents.map((agent) => scrapeOften(agent, ended.signal)));
  // Handled below, after the body's own error.
  often.catch(() => {});
  try {
    const result = await body();
    ended.abort();
    return { result, scrapes: await often };
  } finally {
    ended.abort();
  }
}

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
