import { maxFleetSeries, otherFleetSeries } from '../../../../src/contract/metrics/judgement-metrics.ts';
import { networkBuckets, serverBuckets } from '../../../../src/contract/metrics/latency-buckets.ts';
import { FleetTotals } from '../../../../src/operator/reports/fleet-totals.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { FakeClock } from '../../fake-clock.ts';

/** Sums of one NetExporter, and how a result is added to them. */
export function fleetTotals(max = maxFleetSeries, clock = new FakeClock(), count = { total: 0 }) {
  const edges = { network: networkBuckets, dns: serverBuckets };
  const totals = new FleetTotals({ clock, edges, max, other: otherFleetSeries }, count);
  const take = (zone: string, link: Link, outcomes: Partial<Outcomes> = {}) => {
    const { latencies = [], failures = {} } = outcomes;
    const failed = Object.values(failures).reduce((sum, each) => sum + each, 0);
    const attempts = latencies.reduce((sum, [, times]) => sum + times, failed);
    totals.take(zone, [[link, { attempts, failures, latencies, retransmits: 0 }]]);
  };
  return { totals, take, clock, count };
}

export function networkLink(over: Partial<Link> = {}): Link {
  const peer = { host: '10.64.0.1:8000', node: 'n2', zone: 'b' };
  return { probe: 'network', server: '', type: '', protocol: 'TCP', ...peer, ...over };
}

export function dnsLink(over: Partial<Link> = {}): Link {
  const lookup = { host: 'example.com', server: '10.96.0.10:53', type: 'A' };
  return { probe: 'dns', protocol: 'UDP', node: '', zone: '', ...lookup, ...over };
}
