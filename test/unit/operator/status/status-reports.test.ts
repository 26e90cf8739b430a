import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporterStatus } from '../../../../src/crd/status.ts';
import { EventRecorder } from '../../../../src/operator/events/event-recorder.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { type Findings, statusOf } from '../../../../src/operator/status/status.ts';
import { StatusReports } from '../../../../src/operator/status/status-reports.ts';
import { FakeClock } from '../../fake-clock.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const daemonSet = {
  ...{ generation: 1, observedGeneration: 1, desired: 2, created: 2, updated: 2, ready: 2, misscheduled: 0 },
};
const healthy: Findings = {
  ...{ generation: 1, obstacles: [], waitingFor: [], daemonSet, faults: [], stranded: [], unready: [] },
  ...{ refusal: undefined, isOverdue: false, propagation: undefined, exceeded: [], judged: undefined },
};
const dead: Findings = { ...healthy, daemonSet: { ...daemonSet, ready: 1 }, unready: ['default-agent-x on n2'] };

/** An API server that keeps Events by their name, and operators that lead one after the other. */
function setUp(clock: FakeClock) {
  const events = new Map<string, { type: string; reason: string }>();
  const client = {
    create: async (_resource: unknown, _namespace: string, object: object) => {
      const event = object as { metadata: { name: string }; type: string; reason: string };
      if (events.has(event.metadata.name)) throw new ApiError('AlreadyExists', 'there', { status: 409 });
      events.set(event.metadata.name, event);
      return object as never;
    },
    mergePatch: async () => ({}) as never,
  };
  let seed = 0;
  const operator = (instance: string) => {
    const reporter = { controller: 'net-exporter.dev/operator', instance };
    const random = () => (seed += 0.01);
    const recorder = new EventRecorder({ client, reporter, clock, random, log: quietLog, dropped: () => {} });
    return { recorder, reports: new StatusReports(recorder) };
  };
  const told = () => [...events.values()].map(({ type, reason }) => `${type} ${reason}`);
  return { operator, told };
}

for (const isKilled of [true, false])
  test(`a leader that ${isKilled ? 'is killed before' : 'leaves after'} it wrote the Event of a transition leaves one Event`, async () => {
    const clock = new FakeClock();
    const { operator, told } = setUp(clock);
    const [former, next] = [operator('a'), operator('b')];
    const before = statusOf(healthy, undefined, clock.wall());
    clock.advance(60_000);
    const after = statusOf(dead, before, clock.wall());
    former.reports.report(netExporter(), { before, after }, dead, quietLog);
    if (isKilled) await former.recorder.drop();
    await former.recorder.flushed();
    assert.deepEqual(told(), isKilled ? [] : ['Warning AgentsNotReady']);
    clock.advance(20_000);
    const found = { ...netExporter(), status: after };
    next.reports.begin(found, clock.wall());
    next.reports.begin(found, clock.wall());
    await next.recorder.flushed();
    assert.deepEqual(told(), ['Warning AgentsNotReady']);
    const again = statusOf(healthy, after, clock.wall());
    next.reports.report(netExporter(), { before: after, after: again }, healthy, quietLog);
    await next.recorder.flushed();
    assert.deepEqual(told(), ['Warning AgentsNotReady', 'Normal AgentsReady']);
  });

test('the same transition later is another Event', async () => {
  const clock = new FakeClock();
  const { operator, told } = setUp(clock);
  const { recorder, reports } = operator('a');
  let before: NetExporterStatus = statusOf(healthy, undefined, clock.wall());
  for (const findings of [dead, healthy, dead, healthy]) {
    clock.advance(7 * 60_000);
    const after = statusOf(findings, before, clock.wall());
    reports.report(netExporter(), { before, after }, findings, quietLog);
    await recorder.flushed();
    before = after;
  }
  const once = ['Warning AgentsNotReady', 'Normal AgentsReady'];
  assert.deepEqual(told(), [...once, ...once]);
});

test('a further fault is an Event and a line of the log with the same text', async () => {
  const lines: object[] = [];
  const notes: string[] = [];
  const log = { ...quietLog, warn: (fields: object) => lines.push(fields), info: () => {} };
  const reports = new StatusReports({ record: ({ note }) => notes.push(note) });
  const clock = new FakeClock();
  const before = statusOf(dead, undefined, clock.wall());
  const findings = { ...dead, daemonSet: { ...daemonSet, ready: 0 }, unready: ['a on n1', ...dead.unready] };
  const after = statusOf(findings, before, clock.wall());
  reports.report(netExporter(), { before, after }, findings, log as never);
  assert.match(notes.join(), /^0 of 2 agents are ready\. Not ready: a on n1, default-agent-x on n2\./);
  assert.deepEqual(lines, [{ agents: '0/2', reason: 'AgentsNotReady', message: notes[0] }]);
});
