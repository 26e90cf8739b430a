import { figure } from './figures.ts';
import { type LatencyWindow, latencyWindow, summarize } from './latency-window.ts';
import { everySecond, withAgents } from './measured-agents.ts';
import { whileScraped } from './scrape-often.ts';
import type { Section } from './section.ts';
import { mean } from './statistics.ts';

/** At most so much more than the wire's path, in seconds. */
const goal = { atMost: 25e-6 };

/**
 * Scraped latencies of the UDP echo beside the path that was captured at both ends: the round trip without the time
 * that the request was at the peer. Then the same while every agent renders ten expositions a second.
 */
export const echo: Section = async (bench, quick) => {
  const network = { ...everySecond, protocols: ['TCP', 'UDP'], udp: { packets: 5, size: 64 } };
  const spec = { dns: { enabled: false }, network };
  return await withAgents(bench, 'echo', spec, async (agents) => {
    const seconds = quick ? 30 : 120;
    const quiet = await latencyWindow(bench, agents, { seconds, names: [] });
    const { result: scraped } = await whileScraped(agents, () => latencyWindow(bench, agents, { seconds, names: [] }));
    return {
      figures: [
        figure('udp_path_excess_seconds', summarize(quiet.udp).excess, 's', goal),
        figure('udp_path_excess_seconds_scraped', summarize(scraped.udp).excess, 's', goal),
        figure('udp_path_wire_mean_seconds', mean(quiet.udp.wire), 's'),
        figure('udp_dwell_share', dwellShare(quiet), ''),
        figure('udp_dwell_share_scraped', dwellShare(scraped), ''),
      ],
      details: { quiet: summarize(quiet.udp), scraped: summarize(scraped.udp) },
    };
  });
};

/** Which share of the round trips the requests spent at the peer. */
function dwellShare({ echoes }: LatencyWindow): number {
  return mean(echoes.map(({ dwell }) => dwell)) / mean(echoes.map(({ roundTrip }) => roundTrip));
}
