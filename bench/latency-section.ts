import { type Figure, figure } from './figures.ts';
import { capturedGoal, excessGoal, latencyWindow, summarize } from './latency-window.ts';
import { everySecond, withAgents } from './measured-agents.ts';
import type { Section } from './section.ts';
import { mean } from './statistics.ts';

const names = ['kubernetes.default.svc.cluster.local.', 'example.com.'];

/** Above this wire mean the ratio of the means has a goal of its own, in seconds; below it the difference says more. */
const ratioCountsFrom = 100e-6;

/** Scraped latencies beside packet captures: TCP, DNS over UDP, and the JavaScript clock for comparison. */
export const latency: Section = async (bench, quick) => {
  const spec = { dns: { ...everySecond, hosts: names }, network: everySecond };
  const window = await withAgents(bench, 'latency', spec, (agents) =>
    latencyWindow(bench, agents, { seconds: quick ? 45 : 240, names, clockDials: true }),
  );
  const tcp = summarize(window.tcp);
  const dns = summarize(window.dns);
  const clock = mean(window.clock.map(({ seconds }) => seconds)) / mean(window.clock.map(({ wire }) => wire));
  const quantiles = [...tcp.quantiles, ...dns.quantiles];
  const figures: Figure[] = [
    figure('tcp_excess_seconds', tcp.excess, 's', excessGoal(25e-6)),
    figure('tcp_wire_mean_seconds', tcp.wireMean, 's'),
    figure(
      'tcp_mean_ratio',
      tcp.ratio,
      '',
      tcp.wireMean >= ratioCountsFrom ? { atLeast: 0.9, atMost: 1.25 } : undefined,
    ),
    figure('tcp_clock_mean_ratio', clock, ''),
    figure('dns_udp_excess_seconds', dns.excess, 's', excessGoal(60e-6)),
    figure('tcp_captured_share', tcp.capturedShare, '', capturedGoal(0.02)),
    figure('dns_udp_captured_share', dns.capturedShare, '', capturedGoal(0.02)),
    figure('quantile_bucket_ratio', mean(quantiles.map(({ near }) => (near ? 1 : 0))), '', { atLeast: 1, atMost: 1 }),
  ];
  return { figures, details: { tcp, dns, clockDials: window.clock.length } };
};
