import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventContent, eventObject } from '../../../../src/operator/events/event.ts';
import { EventRecorder } from '../../../../src/operator/events/event-recorder.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { FakeClock } from '../fake-clock.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const reporter = { controller: 'net-exporter.dev/operator', instance: 'operator-0' };
const news: EventContent = { type: 'Warning', reason: 'ObjectNotOurs', action: 'Reconcile', note: 'Service a' };

function setUp(failure?: ApiError) {
  const clock = new FakeClock();
  const calls: [string, unknown][] = [];
  const client = {
    create: async (_resource: unknown, _namespace: string, object: object) => {
      calls.push(['create', object]);
      if (failure?.code === 'Forbidden') throw failure;
      return object as never;
    },
    mergePatch: async (_resource: unknown, _place: unknown, patch: object) => {
      calls.push(['patch', patch]);
      if (failure?.code === 'NotFound') throw failure;
      return patch as never;
    },
  };
  let seed = 0;
  const random = () => (seed += 0.001);
  const recorder = new EventRecorder({ client, reporter, clock, random, log: quietLog });
  const record = (content: Partial<EventContent> = {}) => recorder.record({ ...news, ...content }, netExporter());
  return { clock, calls, recorder, record };
}

test('an Event is about the resource, in its namespace, with a time in microseconds', () => {
  assert.deepEqual(eventObject(news, netExporter(), reporter, '1f', Date.parse('2026-01-01T00:00:00.5Z')), {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'default.1f', namespace: 'monitoring' },
    type: 'Warning',
    reason: 'ObjectNotOurs',
    action: 'Reconcile',
    note: 'Service a',
    regarding: {
      apiVersion: 'net-exporter.dev/v1alpha1',
      kind: 'NetExporter',
      namespace: 'monitoring',
      name: 'default',
      uid: 'a0000000-0000-4000-8000-000000000001',
    },
    reportingController: 'net-exporter.dev/operator',
    reportingInstance: 'operator-0',
    eventTime: '2026-01-01T00:00:00.500000Z',
  });
});

test('a long note is cut to what the API server takes', () => {
  const { note } = eventObject({ ...news, note: 'µ'.repeat(2000) }, netExporter(), reporter, '1f', 0);
  assert.ok(Buffer.byteLength(note as string) <= 1024);
  assert.match(note as string, /^µ{500,}…$/);
});

test('the same Event again counts up instead of being told anew', async () => {
  const { clock, calls, recorder, record } = setUp();
  record();
  clock.advance(60_000);
  record();
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([call]) => call),
    ['create', 'patch', 'patch'],
  );
  assert.deepEqual(calls[2]![1], { series: { count: 3, lastObservedTime: '2026-01-01T00:01:00.000000Z' } });
});

test('another Event, and the same after a long time, are told anew', async () => {
  const { clock, calls, recorder, record } = setUp();
  record();
  record({ note: 'Service b' });
  await recorder.flushed();
  clock.advance(6 * 60_000);
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([call]) => call),
    ['create', 'create', 'create'],
  );
});

test('an Event that has expired is told anew', async () => {
  const { calls, recorder, record } = setUp(new ApiError('NotFound', 'expired'));
  record();
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([call]) => call),
    ['create', 'patch', 'create'],
  );
});

test('an Event that cannot be written troubles nobody', async () => {
  const { calls, recorder, record } = setUp(new ApiError('Forbidden', 'no'));
  record();
  record();
  await recorder.flushed();
  assert.equal(calls.length, 2);
});

test('what comes faster than the API server takes it is dropped, not piled up', async () => {
  const { calls, recorder, record } = setUp();
  for (let turn = 0; turn < 200; turn++) record({ note: `Service ${turn}` });
  await recorder.flushed();
  assert.equal(calls.length, 64);
  record({ note: 'after' });
  await recorder.flushed();
  assert.equal(calls.length, 65);
});
