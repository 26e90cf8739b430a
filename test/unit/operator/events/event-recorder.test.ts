import assert from 'node:assert/strict';
import { conditionReasons } from '../../../../src/contract/reasons.ts';
import type { NetExporter } from '../../../../src/crd/net-exporter.ts';
import { type EventContent, eventObject, microTime, type Occurrence } from '../../../../src/operator/events/event.ts';
import { EventRecorder } from '../../../../src/operator/events/event-recorder.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const reporter = { controller: 'net-exporter.dev/operator', instance: 'operator-0' };
const quiet = { reporter, random: () => 0, log: quietLog, dropped: () => {} };
const news: EventContent = { type: 'Warning', reason: 'ObjectNotOurs', action: 'Reconcile', note: 'Service a' };

/** An API server that answers each call as `answer` says: with an error, or well. */
function setUp(
  newClock: () => FakeClock,
  answer: (call: 'create' | 'patch', turn: number) => ApiError | undefined = () => undefined,
) {
  const clock = newClock();
  const calls: [string, Record<string, unknown>][] = [];
  const call = async (kind: 'create' | 'patch', body: object) => {
    calls.push([kind, body as Record<string, unknown>]);
    const failure = answer(kind, calls.length);
    if (failure) throw failure;
    return body as never;
  };
  const client = {
    create: (_resource: unknown, _namespace: string, object: object) => call('create', object),
    mergePatch: (_resource: unknown, _place: unknown, patch: object) => call('patch', patch),
  };
  let seed = 0;
  const random = () => (seed += 0.001);
  const dropped: Record<string, number> = {};
  const recorder = new EventRecorder({
    ...{ client, reporter, clock, random, log: quietLog },
    dropped: (reason, count) => {
      if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
    },
  });
  const record = (content: Partial<EventContent> = {}, about = netExporter(), occurrence?: Occurrence) =>
    recorder.record({ ...news, ...content }, about, occurrence);
  return { clock, calls, recorder, record, dropped, kinds: () => calls.map(([kind]) => kind) };
}

test('an Event about a Node is in the namespace default, and its name is a valid one however long that of the Node is', () => {
  const about = (name: string) =>
    eventObject(
      news,
      { apiVersion: 'v1', kind: 'Node', metadata: { namespace: '', name, uid: 'u' } },
      reporter,
      '1f',
      0,
    );
  const { metadata, regarding } = about('node-7');
  assert.deepEqual(metadata, { name: 'node-7.1f', namespace: 'default' });
  assert.deepEqual(regarding, { apiVersion: 'v1', kind: 'Node', name: 'node-7', uid: 'u' });
  assert.equal(about(`${'x'.repeat(199)}.${'y'.repeat(53)}`).metadata.name, `${'x'.repeat(199)}.1f`);
});

test('Events whose number the caller limits neither wait for others nor make others wait', async () => {
  const { calls, recorder, record } = setUp(() => new FakeClock());
  for (let number = 0; number < 30; number++)
    recorder.recordLimited({ ...news, note: `limited ${number}` }, netExporter());
  for (let number = 0; number < 30; number++) record({ reason: anyReason(number), note: `other ${number}` });
  recorder.recordLimited({ ...news, type: 'Normal', note: 'last' }, netExporter());
  await recorder.flushed();
  const notes = calls.map(([, { note }]) => String(note));
  assert.equal(notes.filter((note) => note.startsWith('limited')).length, 30);
  assert.equal(notes.filter((note) => /^other \d+$/.test(note)).length, 25);
  assert.ok(notes.includes('last'));
});

/** One of four reasons: there are at most ten Events at once with one reason. */
function anyReason(turn: number): EventContent['reason'] {
  return conditionReasons[turn % 4]!;
}

/** Another resource of the same name. */
function another(uid: string) {
  const resource = netExporter();
  return { ...resource, metadata: { ...resource.metadata, uid } };
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

test('the second of a series is told, the others are counted and told every half hour and at the end', async (newClock) => {
  const { clock, calls, recorder, record } = setUp(newClock);
  const minute = 60_000;
  record();
  await recorder.flushed();
  for (let passed = 1; passed <= 70; passed++) {
    clock.advance(minute);
    record();
    await recorder.flushed();
  }
  const series = () => calls.map(([kind, body]) => [kind, (body.series as { count: number } | undefined)?.count]);
  assert.deepEqual(series(), [
    ['create', undefined],
    ['patch', 2],
    ['patch', 32],
    ['patch', 62],
  ]);
  const lastObservedTime = microTime(clock.lastWall);
  clock.advance(6 * minute);
  await recorder.flushed();
  assert.deepEqual(series().at(-1), ['patch', 71]);
  assert.deepEqual(calls.at(-1)![1], { series: { count: 71, lastObservedTime } });
  assert.equal(clock.pending, 0, 'nothing is remembered');
});

test('what happens again before it is written is written once, with its count', async (newClock) => {
  const { clock, calls, recorder, record } = setUp(newClock);
  record();
  record();
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([kind, body]) => [kind, body.series]),
    [['create', { count: 3, lastObservedTime: microTime(clock.lastWall) }]],
  );
});

test('another Event, one about another object, and the same after a long time are told anew', async (newClock) => {
  const { clock, recorder, record, kinds } = setUp(newClock);
  record();
  record({ note: 'Service b' });
  record({}, another('b0000000-0000-4000-8000-000000000002'));
  await recorder.flushed();
  clock.advance(6 * 60_000);
  record();
  await recorder.flushed();
  assert.deepEqual(kinds(), ['create', 'create', 'create', 'create']);
});

test('an Event that has expired is told anew, with its count', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock, (kind) =>
    kind === 'patch' ? new ApiError('NotFound', 'expired', { status: 404 }) : undefined,
  );
  record();
  await recorder.flushed();
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([kind, body]) => [kind, (body.series as { count: number } | undefined)?.count]),
    [
      ['create', undefined],
      ['patch', 2],
      ['create', 2],
    ],
  );
});

test('an Event that is refused is not tried again, and troubles nobody', async (newClock) => {
  const { clock, recorder, record, kinds } = setUp(newClock, () => new ApiError('Forbidden', 'no', { status: 403 }));
  record();
  await recorder.flushed();
  assert.deepEqual(kinds(), ['create']);
  record();
  await recorder.flushed();
  assert.deepEqual(kinds(), ['create', 'create']);
  clock.advance(60_000);
  assert.equal(clock.pending, 0);
});

test('while the API server is away an Event waits, ever longer, and what comes meanwhile waits behind it', async (newClock) => {
  const { clock, recorder, record, kinds } = setUp(newClock, (_kind, turn) =>
    turn <= 3 ? new ApiError('Unavailable', 'no answer') : undefined,
  );
  record();
  record({ note: 'Service b' });
  const delays: number[] = [];
  for (let turn = 1; turn <= 3; turn++) {
    await until(() => kinds().length === turn && clock.pending === 2, 'it waits');
    delays.push(clock.next!);
    clock.advance(clock.next!);
  }
  await recorder.flushed();
  assert.deepEqual(kinds(), ['create', 'create', 'create', 'create', 'create']);
  assert.ok(delays[0]! >= 5000 && delays[2]! > delays[0]!, `${delays}`);
});

test('an Event whose first answer was lost is not told twice', async (newClock) => {
  const { clock, recorder, record, calls } = setUp(newClock, (kind, turn) => {
    if (kind === 'patch') return undefined;
    return turn === 1
      ? new ApiError('Unavailable', 'no answer')
      : new ApiError('AlreadyExists', 'there', { status: 409 });
  });
  record();
  await until(() => calls.length === 1 && clock.pending === 2, 'it waits');
  clock.advance(10_000);
  record();
  await recorder.flushed();
  assert.deepEqual(
    calls.map(([kind]) => kind),
    ['create', 'create', 'patch'],
  );
  assert.equal((calls[0]![1].metadata as { name: string }).name, (calls[1]![1].metadata as { name: string }).name);
});

test('closing writes the counts that nobody else knows, and waits for no API server', async (newClock) => {
  const { recorder, record, calls, clock } = setUp(newClock, (_kind, turn) =>
    turn === 4 ? new ApiError('Unavailable', 'no answer') : undefined,
  );
  for (let turn = 0; turn < 5; turn++) {
    record();
    await recorder.flushed();
  }
  record({ note: 'Service b' });
  await recorder.close();
  assert.deepEqual(
    calls.map(([kind, body]) => [kind, (body.series as { count: number } | undefined)?.count]),
    [
      ['create', undefined],
      ['patch', 2],
      ['create', undefined],
      ['patch', 5],
    ],
  );
  assert.equal(clock.pending, 0);
});

test('Events beyond the pending writes of a namespace are written later, and none is lost', async (newClock) => {
  const { clock, calls, recorder, record, dropped } = setUp(newClock);
  for (let turn = 0; turn < 200; turn++) record({}, another(`uid-${turn}`));
  await recorder.flushed();
  assert.equal(calls.length, 64);
  record({}, another('after'));
  await recorder.flushed();
  assert.equal(calls.length, 65);
  for (let minute = 0; minute < 4; minute++) {
    clock.advance(60_000);
    await recorder.flushed();
  }
  assert.deepEqual([calls.length, dropped], [201, {}]);
});

test('Events about more objects than can wait are counted as dropped', async (newClock) => {
  const { recorder, record, dropped } = setUp(newClock);
  for (let turn = 0; turn < 64 + 256 + 10; turn++) record({}, another(`uid-${turn}`));
  await recorder.flushed();
  assert.deepEqual(dropped, { overflow: 10 });
});

/** The namespace of an Event that is written. */
const namespaceOf = (body: Record<string, unknown>) => (body.metadata as { namespace: string }).namespace;

/** A resource in a namespace of its own. */
function within(namespace: string, uid = namespace) {
  const resource = another(uid);
  return { ...resource, metadata: { ...resource.metadata, namespace } };
}

test('Events of 40 namespaces with a slow webhook take 4 connections at most, and delay no other namespace', async (newClock) => {
  const clock = newClock();
  const running = new Set<string>();
  const written: string[] = [];
  let most = 0;
  const client = {
    create: (_resource: unknown, namespace: string, _object: object, signal?: AbortSignal) =>
      new Promise<never>((resolve, reject) => {
        running.add(namespace);
        most = Math.max(most, running.size);
        const end = (settle: () => void) => {
          running.delete(namespace);
          settle();
        };
        const answered = () =>
          end(() => {
            written.push(namespace);
            resolve({} as never);
          });
        if (!namespace.startsWith('slow')) return answered();
        const cancel = clock.after(6000, answered);
        signal?.addEventListener('abort', () => {
          cancel();
          end(() => reject(new ApiError('Cancelled', 'it was slow')));
        });
      }),
    mergePatch: async () => ({}) as never,
  };
  const recorder = new EventRecorder({ ...quiet, client, clock });
  const slow = Array.from({ length: 40 }, (_, index) => `slow-${index}`);
  for (const namespace of slow) recorder.record(news, within(namespace));
  await until(() => running.size === 4, 'every place is taken');
  for (let seconds = 0; seconds < 600 && written.length < slow.length; seconds++) await clock.advanceAsync(1000);
  assert.deepEqual([written.toSorted(), most], [slow.toSorted(), 4]);
  for (const namespace of slow) recorder.record({ ...news, note: 'Service b' }, within(namespace));
  await until(() => running.size === 3, 'the last place is free');
  recorder.record(news, within('fast'));
  await until(() => written.includes('fast'), 'it is written at once');
});

test('Events of a namespace that fail delay and drop none of another', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock);
  const namespaces = () => calls.map(([, body]) => namespaceOf(body));
  for (let turn = 0; turn < 200; turn++) record({}, within('flooded', `uid-${turn}`));
  record({}, within('other'));
  await recorder.flushed();
  assert.deepEqual(
    [namespaces().filter((namespace) => namespace === 'flooded').length, namespaces().includes('other')],
    [64, true],
  );
  calls.length = 0;
  for (let turn = 0; turn < 2000; turn++) record({}, within(`many-${turn % 200}`, `uid-of-many-${turn}`));
  await recorder.flushed();
  assert.equal(calls.length, 256);
});

test('at the maximum of all pending Events each namespace keeps its share', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock);
  const writtenOf = (prefix: string) => calls.filter(([, body]) => namespaceOf(body).startsWith(prefix)).length;
  for (let turn = 0; turn < 256; turn++) record({}, within(`flooded-${turn % 4}`, `uid-${turn}`));
  for (let turn = 0; turn < 200; turn++) record({}, within('other', `uid-of-other-${turn}`));
  record({}, within('last'));
  await recorder.flushed();
  assert.deepEqual([calls.length, writtenOf('last')], [256, 1]);
  assert.ok(writtenOf('other') >= 256 / 5 - 1, `${writtenOf('other')}`);
  assert.ok(writtenOf('flooded') >= (4 * 256) / 5 - 1, `${writtenOf('flooded')}`);
});

test('a recorder that is dropped ends the write in progress and discards the others', async (newClock) => {
  const clock = newClock();
  const begun: string[] = [];
  const dropped: [reason: string, count: number][] = [];
  const hang = (namespace: string, signal?: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      begun.push(namespace);
      signal?.addEventListener('abort', () => reject(new ApiError('Cancelled', 'aborted')));
    });
  const client = {
    create: (_resource: unknown, namespace: string, _object: object, signal?: AbortSignal) => hang(namespace, signal),
    mergePatch: () => assert.fail('nothing was written'),
  };
  const recorder = new EventRecorder({ ...quiet, client, clock, dropped: (...each) => dropped.push(each) });
  for (let turn = 0; turn < 20; turn++) recorder.record(news, within(`n-${turn % 10}`, `uid-${turn}`));
  await until(() => begun.length === 4, 'every place is taken');
  await recorder.drop();
  recorder.record(news, within('late'));
  await recorder.flushed();
  assert.deepEqual([begun.length, clock.pending], [4, 0]);
  const total = dropped.reduce((sum, [reason, count]) => sum + (reason === 'not_leader' ? count : 0), 0);
  assert.equal(total, 20);
});

test('about one object there are 25 Events, then one in five minutes', async (newClock) => {
  const { clock, calls, recorder, record } = setUp(newClock);
  const tell = async (count: number, about?: NetExporter) => {
    for (let turn = 0; turn < count; turn++) {
      record({ reason: anyReason(turn), note: `Service ${calls.length} ${turn}` }, about);
      await recorder.flushed();
    }
  };
  await tell(40);
  assert.equal(calls.length, 25);
  await tell(1, another('another'));
  assert.equal(calls.length, 26);
  clock.advance(10 * 60_000);
  await tell(40);
  assert.equal(calls.length, 28);
});

test('Events beyond those of one object are counted by reason in its next one, Warnings apart', async (newClock) => {
  const { clock, calls, recorder, record, dropped } = setUp(newClock);
  for (let turn = 0; turn < 25; turn++) record({ reason: anyReason(turn), note: `Service ${turn}` });
  for (let turn = 0; turn < 12; turn++) {
    record({ reason: turn % 3 === 0 ? 'AgentsOutOfSync' : 'AgentsNotReady', note: `${turn} agents.` });
    record({ type: 'Normal', reason: 'AgentsReady', note: 'All agents are ready.' });
  }
  await recorder.flushed();
  assert.equal(calls.length, 25);
  clock.advance(5 * 60_000);
  await recorder.flushed();
  assert.deepEqual(
    calls.slice(25).map(([, { type, reason, note }]) => [type, reason, note]),
    [
      ['Warning', 'AgentsNotReady', '11 agents. Before it, 11 more changes: AgentsNotReady (7), AgentsOutOfSync (4).'],
      ['Normal', 'AgentsReady', 'All agents are ready. Before it, 11 more changes: AgentsReady (11).'],
    ],
  );
  assert.deepEqual(dropped, { aggregated: 22 });
  clock.advance(7 * 60_000);
  assert.equal(clock.pending, 0, 'nothing is remembered');
});

test('an Event that can be written takes along what was withheld before it', async (newClock) => {
  const { clock, calls, recorder, record } = setUp(newClock);
  for (let turn = 0; turn < 27; turn++) record({ reason: anyReason(turn), note: `Service ${turn}.` });
  await recorder.flushed();
  clock.advance(5 * 60_000 - 1);
  await recorder.flushed();
  assert.equal(calls.length, 25);
  clock.advance(1);
  record({ note: 'Service z.' });
  await recorder.flushed();
  const notes = calls.slice(25).map(([, { note }]) => note);
  assert.deepEqual(notes.join(' ').match(/more change/g)?.length, 1, notes.join(' '));
});

test('closing writes what was withheld', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock);
  for (let turn = 0; turn < 15; turn++) record({ note: `Service ${turn}.` });
  await recorder.close();
  assert.equal(calls.length, 11);
  assert.equal(calls.at(-1)![1].note, 'Service 14. Before it, 4 more changes: ObjectNotOurs (4).');
});

test('a fault that spreads over the nodes is ten Events and one later, and delays no other reason', async (newClock) => {
  const { clock, calls, recorder, record, dropped } = setUp(newClock);
  const pullFailed = (count: number) => record({ reason: 'AgentImagePullFailed', note: `${count} agents: …` });
  for (let count = 1; count <= 100; count++) pullFailed(count);
  await recorder.flushed();
  assert.equal(calls.length, 10);
  clock.advance(60_000);
  await recorder.flushed();
  assert.equal(calls.length, 11);
  assert.equal(calls.at(-1)![1].note, '100 agents: … Before it, 89 more changes: AgentImagePullFailed (89).');
  pullFailed(101);
  record({ reason: 'AgentsOutOfSync', note: 'node-2' });
  await recorder.flushed();
  assert.equal(calls.at(-1)![1].note, 'node-2 Before it, 1 more change: AgentImagePullFailed (1).');
  assert.deepEqual(dropped, { aggregated: 90 });
});

test('the count of withheld Events fits into the note of one, and names five reasons', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock);
  for (let turn = 0; turn < 25; turn++) record({ reason: anyReason(turn), note: `Service ${turn}.` });
  for (const reason of conditionReasons) record({ reason, note: 'x'.repeat(2000) });
  await recorder.close();
  const note = calls.at(-1)![1].note as string;
  assert.ok(Buffer.byteLength(note) <= 1024);
  assert.match(note, /x… Before it, \d+ more changes: (\w+ \(\d+\), ){4}\w+ \(\d+\) and \d+ other reasons\.$/);
});

test('a series that makes room for others is written with its count', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock);
  for (let turn = 0; turn < 5; turn++) {
    record();
    await recorder.flushed();
  }
  for (let turn = 0; turn < 256; turn++) {
    record({}, within(`n-${turn}`));
    if (turn % 50 === 0) await recorder.flushed();
  }
  await recorder.flushed();
  const counts = calls.flatMap(([kind, { series }]) => (kind === 'patch' ? [(series as { count: number }).count] : []));
  assert.deepEqual(counts, [2, 5]);
});

test('an Event that the API server rejects is counted as dropped', async (newClock) => {
  const { recorder, record, dropped } = setUp(newClock, () => new ApiError('Forbidden', 'no', { status: 403 }));
  record();
  await recorder.flushed();
  assert.deepEqual(dropped, { failed: 1 });
});

/** Names of the Events that were written. */
const namesOf = (calls: readonly [string, Record<string, unknown>][]) =>
  calls.map(([, { metadata }]) => (metadata as { name: string }).name);

test('the Event of an occurrence has the same name whoever writes it, and is not written twice', async (newClock) => {
  const id = 'Ready False 2026-01-01T00:00:00Z';
  const former = setUp(newClock);
  former.record({}, netExporter(), { id, mayExist: false });
  await former.recorder.flushed();
  const exists = new ApiError('AlreadyExists', 'there', { status: 409 });
  const next = setUp(newClock, () => exists);
  next.record({ note: 'in other words' }, netExporter(), { id, mayExist: true });
  await next.recorder.flushed();
  assert.deepEqual(namesOf(next.calls), namesOf(former.calls));
  assert.deepEqual([next.kinds(), next.dropped], [['create'], {}]);
  const other = setUp(newClock);
  other.record({}, another('b0000000-0000-4000-8000-000000000002'), { id, mayExist: true });
  await other.recorder.flushed();
  assert.notDeepEqual(namesOf(other.calls), namesOf(former.calls));
});

test('an occurrence that comes about a second time gets a name of its own', async (newClock) => {
  const { calls, recorder, record } = setUp(newClock, (_kind, turn) =>
    turn === 1 ? new ApiError('AlreadyExists', 'there', { status: 409 }) : undefined,
  );
  record({}, netExporter(), { id: 'Stalled', mayExist: false });
  await recorder.flushed();
  const [first, second, ...others] = namesOf(calls);
  assert.notEqual(first, second);
  assert.deepEqual(others, []);
});
