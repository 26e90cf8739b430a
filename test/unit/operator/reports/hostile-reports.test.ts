import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureReasons } from '../../../../src/contract/failure-reason.ts';
import {
  type LinkPlan,
  maxAgentBytes,
  maxLinksPerAgent,
  maxSketchEntries,
  slotsPerWindow,
} from '../../../../src/operator/reports/agent-reports.ts';
import { FleetReports } from '../../../../src/operator/reports/fleet-reports.ts';
import { maxSketchIndex, type SketchEntry } from '../../../../src/protocol/latency-sketch.ts';
import type { Report, TargetReport } from '../../../../src/protocol/report.ts';
import { decodeSyncRequest, encodeSyncRequest } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { reportParts } from './counted-drops.ts';

const windowMs = 120_000;
const anyLink: LinkPlan = () => () => true;

function setUp(maxBytes?: number) {
  const clock = new FakeClock();
  const parts = reportParts(maxBytes);
  return { clock, reports: new FleetReports({ clock, windowMs, ...parts }), ...parts };
}

function target(host: string, latencies: SketchEntry[], failures: TargetReport['failures'] = {}): TargetReport {
  const attempts = [...latencies.map(([, count]) => count), ...Object.values(failures)].reduce((a, b) => a + b, 0);
  return {
    ...{ probe: 'network', host, server: '', protocol: 'TCP', type: '', node: 'node-1', zone: 'a' },
    ...{ attempts, failures, retransmits: 0, latencies },
  };
}

const everyBucket = Array.from({ length: maxSketchIndex + 1 }, (_, index): SketchEntry => [index, 1]);

function report(sequence: number, targets: TargetReport[]): Report {
  return { stream: 's', sequence, spanMs: 15_000, targets };
}

/** 257 kB, as many buckets as fit. */
function hostile(sequence: number): Report {
  const targets = Array.from({ length: 270 }, (_, index) => target(`10.64.${sequence % 5}.${index}:8000`, everyBucket));
  return report(sequence, targets);
}

function attemptsOf(reports: FleetReports, agent: string): number {
  return [...reports.links()].filter((link) => link.agent === agent).reduce((sum, { attempts }) => sum + attempts, 0);
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test('reports of 250 kB from one agent cost less than 50 ms of CPU each, however many have come before', (t) => {
  const { clock, reports } = setUp();
  const bodies = Array.from({ length: 240 }, (_, index) =>
    encodeSyncRequest({ version: 1, held: {}, report: hostile(index + 1) }),
  );
  assert.ok(Buffer.byteLength(bodies[0]!) > 250_000);
  const costs = bodies.map((body) => {
    clock.advance(500);
    return cpuMs(() => reports.take('pod-1', decodeSyncRequest(body).report!, anyLink));
  });
  const mean = (all: number[]) => all.reduce((sum, each) => sum + each, 0) / all.length;
  t.diagnostic(`${mean(costs).toFixed(1)} ms on average, ${Math.max(...costs).toFixed(1)} ms at most`);
  assert.ok(mean(costs) < 50, `${mean(costs)} ms`);
});

test('the reports of one agent take at most 256 KiB; latencies go first, and the attempts still count', () => {
  const { clock, reports, memory, drops } = setUp();
  const sent = 40;
  for (let sequence = 1; sequence <= sent; sequence++) {
    clock.advance(500);
    reports.take('pod-1', hostile(sequence), anyLink);
    assert.ok(memory.bytes <= maxAgentBytes, `${memory.bytes} bytes`);
  }
  assert.equal(attemptsOf(reports, 'pod-1'), sent * 270 * everyBucket.length);
  assert.ok(drops.counts['sketches agent_memory']! > 0);
  assert.equal(drops.counts['targets agent_memory'], undefined);
});

test('if an agent has too much without latencies, the oldest results go', () => {
  const { clock, reports, memory, drops } = setUp();
  const failures = Object.fromEntries(failureReasons.map((reason) => [reason, 1_000_000_000]));
  for (let sequence = 1; sequence <= slotsPerWindow; sequence++) {
    const targets = Array.from({ length: maxLinksPerAgent / 2 }, (_, index) => target(`${index}`, [], failures));
    reports.take('pod-1', report(sequence, targets), anyLink);
    assert.ok(memory.bytes <= maxAgentBytes, `${memory.bytes} bytes`);
    clock.advance(windowMs / slotsPerWindow);
  }
  assert.ok(drops.counts['targets agent_memory']! >= maxLinksPerAgent / 2);
  assert.ok(attemptsOf(reports, 'pod-1') > 0);
});

test('if all reports take too much memory, the largest holders lose latencies, and others lose nothing', () => {
  const maxBytes = 400_000;
  const { reports, memory, drops } = setUp(maxBytes);
  const small = [target('10.64.9.9:8000', [[51, 2]], { timeout: 1 })];
  reports.take('small', report(1, small), anyLink);
  for (let agent = 1; agent <= 20; agent++) {
    reports.take(`large-${agent}`, hostile(1), anyLink);
    assert.ok(memory.bytes <= maxBytes, `${memory.bytes} bytes`);
  }
  const links = [...reports.links()];
  assert.deepEqual(
    links.filter(({ agent }) => agent === 'small').map(({ latencies, failures }) => ({ latencies, failures })),
    [{ latencies: [[51, 2]], failures: { timeout: 1 } }],
  );
  assert.ok(drops.counts['sketches memory']! > 0);
  assert.equal(drops.counts['targets memory'], undefined);
  assert.equal(attemptsOf(reports, 'large-1'), 270 * everyBucket.length);
});

test('if there is too little memory even without latencies, it is still bounded, and freed by agents that go', () => {
  const maxBytes = 20_000;
  const { reports, memory, drops } = setUp(maxBytes);
  for (let agent = 1; agent <= 20; agent++) {
    reports.take(`large-${agent}`, hostile(1), anyLink);
    assert.ok(memory.bytes <= maxBytes, `${memory.bytes} bytes`);
  }
  assert.ok(drops.counts['targets memory']! > 0);
  reports.forgetAll();
  assert.equal(memory.bytes, 0);
  assert.equal(reports.table.size, 0);
});

test('a sketch with more buckets than are kept loses the lowest ones, and no attempt', () => {
  const { reports, drops } = setUp();
  reports.take('pod-1', report(1, [target('10.64.0.1:8000', everyBucket)]), anyLink);
  const [link] = [...reports.links()];
  assert.equal(link!.latencies.length, maxSketchEntries);
  assert.deepEqual(link!.latencies.at(-1), [maxSketchIndex, 1]);
  assert.deepEqual(link!.latencies[0], [maxSketchIndex + 1 - maxSketchEntries, 257 - maxSketchEntries]);
  assert.equal(link!.attempts, 256);
  assert.deepEqual(drops.counts, { 'sketches buckets': 1 });
});

test('targets that an agent does not have by its plan are dropped, those that it had until now are not', () => {
  const { clock, reports, drops } = setUp();
  const planned = new Set(['a', 'b']);
  const plan: LinkPlan =
    () =>
    ({ host }) =>
      planned.has(host);
  const hosts = () => [...reports.links()].map(({ link }) => link.host);
  reports.take('pod-1', report(1, [target('a', [[1, 1]]), target('x', [[1, 1]]), target('b', [[1, 1]])]), plan);
  assert.deepEqual(hosts(), ['a', 'b']);
  assert.deepEqual(drops.counts, { 'targets not_planned': 1 });
  planned.delete('b');
  clock.advance(windowMs / 2);
  reports.take('pod-1', report(2, [target('a', [[1, 1]]), target('b', [[1, 1]])]), plan);
  assert.equal(drops.counts['targets not_planned'], 1);
  clock.advance(windowMs);
  reports.take('pod-1', report(3, [target('a', [[1, 1]]), target('b', [[1, 1]])]), plan);
  assert.deepEqual(hosts(), ['a']);
  assert.equal(drops.counts['targets not_planned'], 2);
});

test('links without results in the window make room for others, whatever their order', () => {
  const { clock, reports, drops } = setUp();
  for (let sequence = 1; sequence <= 60; sequence++) {
    const targets = Array.from({ length: 150 }, (_, index) => target(`${(sequence * 50 + index) % 3000}`, [[40, 1]]));
    reports.take('pod-1', report(sequence, targets), anyLink);
    const sums = new Map([...reports.links()].map(({ link, attempts }) => [link.host, attempts]));
    for (const { host } of targets) assert.ok(sums.get(host)! >= 1);
    assert.ok(sums.size <= 150 + 50 * slotsPerWindow);
    clock.advance(windowMs / slotsPerWindow);
  }
  assert.deepEqual(drops.counts, {});
});
