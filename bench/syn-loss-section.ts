import type { BenchCluster } from './bench-cluster.ts';
import { figure } from './figures.ts';
import { handshakes } from './handshakes.ts';
import { captureOn } from './latency-window.ts';
import { type MeasuredAgent, scrapeAgents, withAgents } from './measured-agents.ts';
import type { PacketCapture } from './packet-capture.ts';
import type { Section } from './section.ts';

const table = 'net_exporter_bench';
const timeoutSeconds = 5;

/** A fifth of the agents' SYNs is dropped: does the agent count what the kernel sent again? */
export const synLoss: Section = async (bench, quick) => {
  const spec = { dns: { enabled: false }, network: { interval: '5s', timeout: `${timeoutSeconds}s` } };
  return await withAgents(bench, 'syn-loss', spec, async (agents) => {
    const captures: PacketCapture[] = [];
    try {
      for (const agent of agents) captures.push(await captureOn(bench, agent));
      const before = await scrapeAgents(agents);
      await withLostSyns(bench, agents, () => bench.pass(quick ? 60 : 300));
      // A dial is counted when it ends.
      await bench.pass(timeoutSeconds + 2);
      const after = await scrapeAgents(agents);
      await Promise.all(captures.map((capture) => capture.stop()));
      const total = (name: string, labels = {}) =>
        after.reduce(
          (sum, { metrics }, i) => sum + metrics.sum(name, labels) - before[i]!.metrics.sum(name, labels),
          0,
        );
      const counted = total('network_retransmits_total');
      let onTheWire = 0;
      let dials = 0;
      for (const [i, capture] of captures.entries()) {
        const made = handshakes(await capture.segments(), agents[i]!.ip).filter(
          ({ startedAt }) => startedAt >= before[i]!.at && startedAt < after[i]!.at,
        );
        dials += made.length;
        onTheWire += made.reduce((sum, { retransmits }) => sum + retransmits, 0);
      }
      return {
        figures: [figure('retransmit_ratio', counted / onTheWire, '', { atLeast: 0.95, atMost: 1.05 })],
        details: {
          counted,
          onTheWire,
          capturedDials: dials,
          scrapedDials: total('network_latency_seconds_count') + total('network_dial_error_total'),
          timeouts: total('network_failures_total', { reason: 'timeout' }),
        },
      };
    } finally {
      await Promise.all(captures.map((capture) => capture.stop()));
    }
  });
};

/** Drops 20 % of the agents' SYNs on their own nodes, behind the place of the capture, while `body` runs. */
async function withLostSyns(
  { cluster }: BenchCluster,
  agents: readonly MeasuredAgent[],
  body: () => Promise<void>,
): Promise<void> {
  try {
    for (const { node, ip, port } of agents) {
      const match = `ip saddr ${ip} tcp dport ${port} tcp flags & (syn | ack) == syn`;
      const script = [
        `add table inet ${table}`,
        `add chain inet ${table} forward { type filter hook forward priority -200; }`,
        `add rule inet ${table} forward ${match} numgen random mod 100 < 20 drop`,
      ];
      await cluster.exec(node, ['nft', '-f', '-'], { input: `${script.join('\n')}\n` });
    }
    await body();
  } finally {
    for (const { node } of agents)
      await cluster.exec(node, ['nft', '-f', '-'], { input: `add table inet ${table}\ndelete table inet ${table}\n` });
  }
}
