import type { FailureReason } from '../../contract/failure-reason.ts';
import { sketchIndex } from '../../protocol/latency-sketch.ts';
import type { Link } from '../reports/link-table.ts';
import type { Outcomes } from '../reports/packed-outcomes.ts';
import type { Counts } from './stream-counts.ts';

/**
 * A success that needed a retransmitted SYN takes a second or more: the first SYN is repeated after 1 s (RFC 6298
 * §2.1). A failed dial has retransmits too, so the number of retransmits alone says nothing.
 */
const retransmittedFrom = sketchIndex(0.95);

/** Failures in which the server answers, so that the path to it works. */
const errors: ReadonlySet<string> = new Set<FailureReason>([
  ...(['nxdomain', 'servfail', 'rcode', 'nodata', 'truncated', 'malformed'] as const),
]);

/** Whether a failed lookup was answered, so that the path to the server works. */
export function isAnswered(reason: FailureReason): boolean {
  return errors.has(reason);
}

/**
 * What the judge counts of the results of one target in one report. A UDP echo turn is one attempt, failed if most of
 * its packets were lost; a report has the packets of its turns in total, of which as many turns are counted as failed
 * as can have been.
 * @param slowFrom the first bucket of latencies that is slow
 * @param udpPackets packets in an echo turn
 */
export function countsOf(
  { probe, protocol }: Pick<Link, 'probe' | 'protocol'>,
  { attempts, failures, retransmits, latencies }: Outcomes,
  slowFrom: number,
  udpPackets: number,
): Counts {
  const counts = { attempts, failed: 0, answered: 0, refused: 0, retransmitted: 0, slow: 0 };
  for (const reason in failures) {
    const count = failures[reason as FailureReason]!;
    if (reason === 'refused') counts.refused += count;
    else if (errors.has(reason)) counts.answered += count;
    else counts.failed += count;
  }
  let late = 0;
  for (let at = latencies.length - 1; at >= 0; at--) {
    const [index, count] = latencies[at]!;
    if (index < retransmittedFrom && index < slowFrom) break;
    if (index >= slowFrom) counts.slow += count;
    if (index >= retransmittedFrom) late += count;
  }
  if (probe === 'network' && protocol === 'UDP') return inTurns(counts, udpPackets);
  counts.retransmitted = Math.min(retransmits, late);
  counts.slow = Math.max(0, counts.slow - counts.retransmitted);
  return counts;
}

function inTurns(counts: Counts, packets: number): Counts {
  const most = Math.floor(packets / 2) + 1;
  const turns = (count: number) => Math.floor((count + packets - most) / packets);
  return {
    attempts: Math.ceil(counts.attempts / packets),
    failed: turns(counts.failed),
    answered: 0,
    refused: turns(counts.refused),
    retransmitted: 0,
    slow: turns(counts.slow),
  };
}

/** The reason of most failures; undefined without failures. */
export function mainReason(failures: Outcomes['failures']): FailureReason | undefined {
  let main: FailureReason | undefined;
  let most = 0;
  for (const reason in failures) {
    const count = failures[reason as FailureReason]!;
    if (count <= most) continue;
    most = count;
    main = reason as FailureReason;
  }
  return main;
}
