import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { maxLinksPerAgent, slotsPerWindow } from '../../../../src/operator/reports/agent-reports.ts';
import { FleetReports, type LinkReport } from '../../../../src/operator/reports/fleet-reports.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import type { Report, TargetReport } from '../../../../src/protocol/report.ts';
import { FakeClock } from '../../fake-clock.ts';
import { targetReports } from '../../protocol/documents.ts';
import { reportParts } from './counted-drops.ts';
import { naiveSum, outcomesOf } from './naive-outcomes.ts';

const windowMs = 120_000;
const slotMs = windowMs / slotsPerWindow;

const target: TargetReport = {
  ...{ probe: 'network', host: '10.64.0.1:8000', server: '', protocol: 'TCP', type: '', node: 'node-1', zone: 'a' },
  ...{ attempts: 3, failures: { timeout: 1 }, retransmits: 0, latencies: [[51, 2]] },
};

/** The agent may report any link. */
const all = () => () => true;

function fleetOf() {
  const clock = new FakeClock();
  const parts = reportParts();
  const fleet = new FleetReports({ clock, windowMs, ...parts });
  const reports = {
    take: (podUid: string, given: Report) => fleet.take(podUid, given, all),
    forget: (podUid: string) => fleet.forget(podUid),
    links: () => fleet.links(),
    set windowMs(ms: number) {
      fleet.windowMs = ms;
    },
  };
  return { clock, reports, ...parts };
}

function report(sequence: number, targets: readonly TargetReport[] = [target], stream = 'a'): Report {
  return { stream, sequence, spanMs: 15_000, targets: [...targets] };
}

function linkOf({ probe, host, server, protocol, type, node, zone }: TargetReport): Link {
  return { probe, host, server, protocol, type, node, zone };
}

function attempts(reports: Pick<FleetReports, 'links'>): number {
  return [...reports.links()].reduce((sum, link) => sum + link.attempts, 0);
}

test('what an agent found out about its targets is there, link by link', () => {
  const { reports } = fleetOf();
  const other: TargetReport = { ...target, host: '10.64.0.2:8000', losses: { forward: 1, return: 0, unknown: 2 } };
  assert.deepEqual(reports.take('pod-1', report(1, [target, other])), { stream: 'a', sequence: 1 });
  assert.deepEqual(
    [...reports.links()],
    [target, other].map((each) => ({ agent: 'pod-1', link: linkOf(each), ...outcomesOf(each) })),
  );
});

test('a report that comes again is acknowledged again and counts once', () => {
  const { clock, reports } = fleetOf();
  for (let time = 0; time < 3; time++) {
    assert.deepEqual(reports.take('pod-1', report(1)), { stream: 'a', sequence: 1 });
    clock.advance(slotMs);
  }
  assert.equal(attempts(reports), 3);
});

test('the same stream and sequence of another pod is another report', () => {
  const { reports } = fleetOf();
  for (const pod of ['pod-1', 'pod-2']) reports.take(pod, report(1));
  assert.deepEqual(
    [...reports.links()].map(({ agent }) => agent),
    ['pod-1', 'pod-2'],
  );
});

test('reports leave after the window, the earlier first', () => {
  const { clock, reports } = fleetOf();
  const seen: number[] = [];
  for (let slot = 1; slot <= slotsPerWindow + 2; slot++) {
    reports.take('pod-1', report(slot));
    seen.push(attempts(reports));
    clock.advance(slotMs);
  }
  assert.deepEqual(seen.slice(-3), [24, 24, 24]);
  clock.advance(windowMs - 2 * slotMs);
  assert.equal(attempts(reports), 3);
  clock.advance(slotMs);
  assert.deepEqual([...reports.links()], []);
});

test('a longer window keeps more from then on, a shorter one drops what is too old', () => {
  const { clock, reports } = fleetOf();
  reports.take('pod-1', report(1));
  clock.advance(windowMs / 2);
  reports.take('pod-1', report(2));
  reports.windowMs = windowMs / 4;
  assert.equal(attempts(reports), 3);
  reports.windowMs = windowMs * 4;
  clock.advance(windowMs * 3);
  assert.equal(attempts(reports), 3);
});

test('an agent that is forgotten is gone with all that it reported', () => {
  const { reports } = fleetOf();
  reports.take('pod-1', report(1));
  reports.forget('pod-1');
  reports.forget('pod-2');
  assert.deepEqual([...reports.links()], []);
  // Its pod was another one's cache miss: the agent goes on, and counts anew.
  reports.take('pod-1', report(1));
  assert.equal(attempts(reports), 3);
});

test('an agent that names ever more targets is kept to a number of them', () => {
  const { reports, drops } = fleetOf();
  for (let sequence = 1; sequence <= 3; sequence++)
    reports.take(
      'pod-1',
      report(
        sequence,
        Array.from({ length: 1000 }, (_, index) => ({ ...target, host: `${sequence}.${index}` })),
      ),
    );
  assert.equal([...reports.links()].length, maxLinksPerAgent);
  assert.deepEqual(drops.counts, { 'targets too_many': 3000 - maxLinksPerAgent });
});

/** What happens to the reports of a fleet. */
type Step =
  | { kind: 'report'; pod: number; restarted: boolean; targets: TargetReport[] }
  | { kind: 'again'; pod: number; back: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'forget'; pod: number };

const pods = fc.nat(2);
/** Few different links, so that they meet. */
const fewTargets = fc
  .tuple(targetReports, fc.nat(3))
  .map(([given, host]) => ({ ...structuredClone(given), host: `${host}`, server: '', node: '', zone: '' }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      pod: pods,
      restarted: fc.nat(5).map((die) => die === 0),
      targets: fc.array(fewTargets, { maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('again' as const), pod: pods, back: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2 * slotMs) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), pod: pods }) },
);

/** Keeps every report that ever came and adds all up when it is asked. */
class NaiveReports {
  readonly #all: { agent: string; at: number; report: Report }[] = [];

  take(agent: string, at: number, given: Report): void {
    const known = this.#all.some(
      (other) =>
        other.agent === agent && other.report.stream === given.stream && other.report.sequence === given.sequence,
    );
    if (!known) this.#all.push({ agent, at, report: given });
  }

  forget(agent: string): void {
    for (let index = this.#all.length - 1; index >= 0; index--)
      if (this.#all[index]!.agent === agent) this.#all.splice(index, 1);
  }

  links(now: number): Map<string, Outcomes> {
    const sums = new Map<string, Outcomes>();
    for (const { agent, at, report: given } of this.#all) {
      if (Math.floor(at / slotMs) * slotMs <= now - windowMs) continue;
      for (const each of given.targets) {
        if (each.attempts + each.retransmits === 0 && !each.losses) continue;
        const key = JSON.stringify([agent, linkOf(each)]);
        const sum = sums.get(key);
        sums.set(key, sum ? naiveSum([sum, outcomesOf(each)]) : outcomesOf(each));
      }
    }
    return sums;
  }
}

test('whatever comes, and comes again, the figures are those of every report of the window counted once', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (history) => {
      const { clock, reports } = fleetOf();
      const naive = new NaiveReports();
      const sent = new Map<number, Report[]>();
      for (const step of history) {
        if (step.kind === 'wait') clock.advance(step.ms);
        if (step.kind === 'forget') {
          reports.forget(`${step.pod}`);
          naive.forget(`${step.pod}`);
          sent.delete(step.pod);
        }
        if (step.kind === 'report') {
          const before = sent.get(step.pod) ?? [];
          const last = before.at(-1);
          const stream = !last || step.restarted ? `${step.pod}.${before.length}` : last.stream;
          const next = report(last?.stream === stream ? last.sequence + 1 : 1, step.targets, stream);
          sent.set(step.pod, [...before, next]);
          reports.take(`${step.pod}`, next);
          naive.take(`${step.pod}`, clock.monotonic(), next);
        }
        if (step.kind === 'again') {
          const repeated = sent.get(step.pod)?.at(-1 - step.back);
          if (repeated) reports.take(`${step.pod}`, repeated);
        }
        const found = new Map([...reports.links()].map(keyed));
        assert.deepEqual(found, naive.links(clock.monotonic()));
      }
    }),
    { numRuns: 200 },
  );
});

function keyed({ agent, link, ...outcomes }: LinkReport): [string, Outcomes] {
  return [JSON.stringify([agent, link]), outcomes];
}

test('5,000 agents with 17 targets each, reporting every 15 s, take at most 200 bytes a link', (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const [agents, links] = [5000, 17];
  const { clock, reports } = fleetOf();
  const before = held();
  for (let round = 1; round <= slotsPerWindow + 1; round++) {
    for (let agent = 0; agent < agents; agent++) reports.take(`pod-${agent}`, fleetReport(agent, round, links));
    clock.advance(slotMs);
  }
  const bytes = (held() - before) / (agents * links);
  t.diagnostic(`${bytes.toFixed(1)} bytes a link`);
  assert.ok(bytes > 0 && bytes <= 200, `${bytes} bytes`);
  const started = performance.now();
  let sum = 0;
  for (const { attempts: count } of reports.links()) sum += count;
  t.diagnostic(`all links in ${(performance.now() - started).toFixed(0)} ms`);
  assert.equal(sum, agents * links * (slotsPerWindow - 1) * 2);
});

/** As an agent of a large fleet makes it: strings of its own, latencies that differ. */
function fleetReport(agent: number, round: number, links: number): Report {
  const targets = Array.from({ length: links }, (_, index): TargetReport => {
    const peer = (agent + index * 37) % 5000;
    const bucket = 45 + ((agent * 7 + index * 3 + round * 5) % 20);
    return {
      ...{ ...target, host: `10.64.${peer >> 8}.${peer & 255}:8000`, node: `node-${peer}`, zone: `zone-${peer % 3}` },
      ...{
        attempts: 2,
        failures: {},
        latencies: [
          [bucket, 1],
          [bucket + 2, 1],
        ],
      },
    };
  });
  return { stream: `stream-${agent}`, sequence: round, spanMs: 15_000, targets };
}

/** Writes down what is accepted and forgotten. */
function listening(maxBytes?: number) {
  const heard: string[] = [];
  const parts = reportParts(maxBytes);
  const reports = new FleetReports({ clock: new FakeClock(), windowMs, ...parts });
  reports.listeners.add({
    accepted: (podUid, spanMs, results) => {
      for (const [link, { attempts, latencies }] of results)
        heard.push([podUid, spanMs, link.host, attempts, latencies.length].join(' '));
      for (const [link] of results) assert.equal(reports.table.find(link), link, 'the shared object');
    },
    forgotten: (podUid) => heard.push(`${podUid} gone`),
  });
  return { reports, heard, ...parts };
}

test('a listener is told once of the results that are planned, and of agents that are gone', () => {
  const { reports, heard, drops } = listening();
  const other = { ...target, host: '10.64.0.2:8000' };
  const silent = { ...target, host: '10.64.0.3:8000', attempts: 0, failures: {}, latencies: [] };
  const isPlanned =
    () =>
    ({ host }: Link) =>
      host === target.host;
  for (const sequence of [1, 1, 2]) reports.take('pod-1', report(sequence, [target, other, silent]), isPlanned);
  reports.take('pod-2', report(1, [other]), isPlanned);
  assert.deepEqual(heard, ['pod-1 15000 10.64.0.1:8000 3 1', 'pod-1 15000 10.64.0.1:8000 3 1']);
  assert.equal(drops.counts['targets not_planned'], 3);
  reports.forget('pod-1');
  reports.forgetAll();
  assert.deepEqual(heard.slice(2), ['pod-1 gone', 'pod-2 gone']);
});

test('a listener is told of bounded results also where there is no memory for them', () => {
  const { reports, heard, drops } = listening(0);
  const latencies = Array.from({ length: 100 }, (_, index): [number, number] => [index, 1]);
  const large = { ...target, attempts: 100, failures: {}, latencies };
  for (const sequence of [1, 2, 3]) reports.take('pod-1', report(sequence, [large]), all);
  assert.deepEqual(heard, Array(3).fill('pod-1 15000 10.64.0.1:8000 100 64'));
  assert.equal(attempts(reports), 0);
  assert.ok(drops.counts['targets memory']! > 0);
});
