import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PodRefusals } from '../../../../src/operator/controller/pod-refusals.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock } from '../../fake-clock.ts';

const minute = 60_000;

function daemonSet(generation = 1, uid = 'd'): KubeObject {
  const metadata = { name: 'default-agent', namespace: 'monitoring', uid, resourceVersion: '1', generation };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata };
}

function setUp() {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const answer: { items: object[]; error?: Error } = { items: [] };
  const list = async (_: unknown, selection: unknown) => {
    asked.push(selection);
    if (answer.error) throw answer.error;
    return { metadata: { resourceVersion: '1' }, items: answer.items as KubeObject[] };
  };
  const refusals = new PodRefusals({ list }, clock, () => 1);
  const event = (text: string, ageMs: number, more: object = {}) => ({
    metadata: { name: text, resourceVersion: '1' },
    note: `Error creating: ${text}`,
    deprecatedLastTimestamp: new Date(clock.wall() - ageMs).toISOString(),
    ...more,
  });
  const look = (object = daemonSet()) => refusals.look(object, new AbortController().signal);
  return { clock, asked, answer, refusals, event, look };
}

test('the newest refusal of this DaemonSet is read, and few Events at a time', async () => {
  const { asked, answer, refusals, event, look, clock } = setUp();
  const series = { lastObservedTime: new Date(clock.wall() - 1000).toISOString() };
  answer.items = [
    event('older', 3 * minute),
    event('newest', 30 * minute, { series }),
    event('old', 2 * minute),
    { metadata: { name: 'x', resourceVersion: '1' }, deprecatedLastTimestamp: new Date(clock.wall()).toISOString() },
  ];
  await look();
  assert.equal(refusals.latest, 'newest');
  const fieldSelector = 'regarding.uid=d,reason=FailedCreate';
  assert.deepEqual(asked, [{ namespace: 'monitoring', fieldSelector, limit: 50 }]);
});

test('a refusal of long ago, and one without a time, are none', async () => {
  const { answer, refusals, event, look } = setUp();
  const timeless = { deprecatedLastTimestamp: undefined };
  answer.items = [event('old', 21 * minute), event('timeless', 0, timeless), event('wrong', 0, { note: 7 })];
  await look();
  assert.equal(refusals.latest, undefined);
});

test('while pods are missing the Events are read at increasing intervals, up to five minutes', async () => {
  const { clock, asked, look, refusals } = setUp();
  const times: number[] = [];
  for (let second = 0; second <= 30 * 60; second++) {
    const before = asked.length;
    await look();
    if (asked.length > before) times.push(second);
    assert.ok(refusals.dueInMs > 0);
    clock.advance(1000);
  }
  assert.deepEqual(times, [0, 30, 90, 210, 450, 750, 1050, 1350, 1650]);
});

test('another spec, and pods that came meanwhile, are looked at without delay', async () => {
  const { asked, answer, refusals, event, look } = setUp();
  answer.items = [event('no', 0)];
  await look();
  await look(daemonSet(2));
  await look(daemonSet(2, 'e'));
  assert.equal(asked.length, 3);
  refusals.forget();
  assert.equal(refusals.latest, undefined);
  await look(daemonSet(2, 'e'));
  assert.equal(asked.length, 4);
});

test('a list that fails keeps what is known, and is repeated no sooner', async () => {
  const { asked, answer, refusals, event, look, clock } = setUp();
  answer.items = [event('no', 0)];
  await look();
  answer.error = new ApiError('Forbidden', 'events is forbidden');
  clock.advance(30_000);
  await assert.rejects(look(), { code: 'Forbidden' });
  await look();
  assert.equal(asked.length, 2);
  assert.equal(refusals.latest, 'no');
});

test('what is no list of Events is a failure', async () => {
  const { answer, look } = setUp();
  answer.items = [{ note: 'no identity' }];
  await assert.rejects(look(), { code: 'Unexpected' });
});
