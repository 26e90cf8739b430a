import { figure } from './figures.ts';
import { capturedGoal, excessGoal, type LatencyWindow, latencyWindow, summarize } from './latency-window.ts';
import { everySecond, withAgents } from './measured-agents.ts';
import { whileScraped } from './scrape-often.ts';
import type { Section } from './section.ts';
import { mean } from './statistics.ts';

/** Of more than the wire's path, in seconds. */
const excess = excessGoal(25e-6);
const captured = capturedGoal(0.01);

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
    const details = { quiet: summarize(quiet.udp), scraped: summarize(scraped.udp) };
    return {
      figures: [
        figure('udp_path_excess_seconds', details.quiet.excess, 's', excess),
        figure('udp_path_excess_seconds_scraped', details.scraped.excess, 's', excess),
        figure('udp_captured_share', details.quiet.capturedShare, '', captured),
        figure('udp_captured_share_scraped', details.scraped.capturedShare, '', captured),
        figure('udp_path_wire_mean_seconds', mean(quiet.udp.wire), 's'),
        figure('udp_dwell_share', dwellShare(quiet), ''),
        figure('udp_dwell_share_scraped', dwellShare(scraped), ''),
      ],
      details,
    };
  });
};

/** Which share of the round trips the requests spent at the peer. */
function dwellShare({ echoes }: LatencyWindow): number {
  return mean(echoes.map(({ dwell }) => dwell)) / mean(echoes.map(({ roundTrip }) => roundTrip));
}
