import { mostWithin, type RecordedRequest } from './request-record.ts';

/** The stretch of time in which requests are counted, in milliseconds. */
export const stretchMs = 10_000;

/**
 * Maximum number of requests of one operator process within ten seconds. A start takes about thirty, a start that finds
 * three new NetExporters forty more, an edit a handful; the machine's speed decides how many of them come within a
 * second.
 */
export const mostRequests = 200;

/** A stranger's NetExporter takes some fourteen writes, each of which may be retried, and their reads. */
const perNetExporter = 25;

/** The operator's rate limit lets 600 requests through in ten seconds; a bound close to that finds no storm. */
const clearOfRateLimit = 500;

/** What the operator's rate limit lets through in the long run. */
const requestsPerSecond = 50;

/** The most requests of one process within ten seconds. */
export function busiestStretch(requests: readonly RecordedRequest[]): number {
  const processes = Map.groupBy(requests, ({ who }) => who);
  return Math.max(0, ...[...processes.values()].map((own) => mostWithin(stretchMs, own)));
}

/**
 * Maximum number of requests of one operator process within ten seconds in which a stranger creates NetExporters.
 * @param netExporters how many
 * @returns undefined if the operator is right to use its whole rate limit: then only the time after it has an answer
 */
export function mostRequestsBeside(netExporters: number): number | undefined {
  const most = mostRequests + netExporters * perNetExporter;
  return most <= clearOfRateLimit ? most : undefined;
}

/**
 * How long the requests that a stranger's NetExporters take are held up by the operator's rate limit alone, in
 * milliseconds. Until then its writes change what its caches are compared with.
 */
export function workMsOf(netExporters: number): number {
  return (netExporters * perNetExporter * 1000) / requestsPerSecond;
}
