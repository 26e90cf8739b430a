import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventFacts } from '../../../../soak/operations/facts.ts';
import { reportsOf, warningsOfPlanned } from '../../../../soak/operations/reported.ts';
import type { Transition } from '../../../../soak/operations/transitions.ts';

const at = Date.parse('2026-05-04T10:00:00Z');
const seconds = 1000;

const transition: Transition = {
  at,
  resource: 'nx',
  condition: 'Ready',
  reason: 'AgentsNotReady',
  message: '1 of 2 agents are ready. Check the logs.',
  operation: '1 (agent that hangs)',
};

function event(over: Partial<EventFacts> = {}): EventFacts {
  const { reason, message: note } = transition;
  const times = { firstAt: at + 100, lastAt: at + 100, count: 1 };
  return { regarding: 'nx', type: 'Warning', reason, note, ...times, ...over };
}

const reportOf = (each: Transition, events: EventFacts[]) => reportsOf([each], events)[0];

test('a transition is reported by a Warning with its reason and message at its time', () => {
  assert.equal(reportOf(transition, [event()]), 'event');
  for (const other of [
    event({ type: 'Normal' }),
    event({ regarding: 'other' }),
    event({ reason: 'PodsMissing' }),
    event({ note: '0 of 2 agents are ready. Check the logs.' }),
    event({ firstAt: at - 60 * seconds, lastAt: at - 60 * seconds }),
    event({ firstAt: at + 60 * seconds, lastAt: at + 60 * seconds }),
  ])
    assert.equal(reportOf(transition, [other]), 'no');
  assert.equal(reportOf(transition, []), 'no');
});

test('the second of a series is reported by its last time, the ones after by the series while it is open', () => {
  const firstAt = at - 120 * seconds;
  assert.equal(reportOf(transition, [event({ firstAt, lastAt: at, count: 2 })]), 'event');
  assert.equal(reportOf(transition, [event({ firstAt, lastAt: at - 60 * seconds, count: 2 })]), 'series');
  assert.equal(reportOf(transition, [event({ firstAt, lastAt: at - 400 * seconds, count: 2 })]), 'no');
  assert.equal(reportOf(transition, [event({ firstAt, lastAt: firstAt, count: 1 })]), 'no');
});

test('a text that was cut is the same', () => {
  const message = `${'x'.repeat(2000)}`;
  assert.equal(reportOf({ ...transition, message }, [event({ note: `${'x'.repeat(1000)}…` })]), 'event');
});

test('an Event without a text reports nothing', () => {
  assert.equal(reportOf(transition, [event({ note: '' })]), 'no');
  assert.equal(reportOf(transition, [event({ note: '…' })]), 'no');
});

test('an Event that begins with what is new, or ends with a count of others, has the same text', () => {
  assert.equal(reportOf(transition, [event({ note: `New: node-4. ${transition.message}` })]), 'event');
  assert.equal(
    reportOf(transition, [event({ note: `${transition.message} Before it, 1 more change: X (1).` })]),
    'event',
  );
});

test('an Event reports no more transitions than it counts', () => {
  const again = { ...transition, at: at + 10 * seconds };
  assert.deepEqual(reportsOf([transition, again], [event()]), ['event', 'no']);
  assert.deepEqual(reportsOf([transition, again], [event({ count: 2, lastAt: at + 10 * seconds })]), [
    'event',
    'event',
  ]);
});

test('a series that goes on is open for six minutes after each transition of it', () => {
  const after = (minutes: number) => ({ ...transition, at: at + minutes * 60 * seconds });
  const series = event({ lastAt: at + 60 * seconds, count: 2 });
  assert.deepEqual(reportsOf([transition, after(1), after(6), after(11), after(18)], [series]), [
    ...['event', 'event', 'series', 'series', 'no'],
  ]);
  const ended = event({ lastAt: after(6).at, count: 3 });
  assert.deepEqual(reportsOf([transition, after(1), after(6)], [ended]), ['event', 'series', 'event']);
  assert.deepEqual(reportsOf([transition, after(1), after(2), after(6)], [ended]).at(-1), 'no');
});

test('a transition that a later Event counts by its reason is reported, as often as it is counted', () => {
  const firstAt = at + 240 * seconds;
  const note = 'Another text. Before it, 3 more changes: AgentsNotReady (2), PodsMissing (1).';
  const later = event({ reason: 'PodsMissing', note, firstAt, lastAt: firstAt });
  const all = [transition, transition, transition];
  assert.deepEqual(reportsOf(all, [later]), ['aggregated', 'aggregated', 'no']);
  assert.equal(reportOf({ ...transition, reason: 'ApplyFailed' }, [later]), 'no');
  assert.equal(reportOf({ ...transition, at: at - 300 * seconds }, [later]), 'no');
  assert.equal(reportOf({ ...transition, at: firstAt + 60 * seconds }, [later]), 'no');
});

test('a Warning during what was planned is found, a Normal one and one at another time are not', () => {
  const planned = [{ from: at, until: at + 60 * seconds, operation: '2 (drain)' }];
  assert.deepEqual(warningsOfPlanned([event({ firstAt: at - seconds, lastAt: at - seconds })], planned), []);
  assert.deepEqual(warningsOfPlanned([event({ type: 'Normal' })], planned), []);
  assert.deepEqual(warningsOfPlanned([event({ note: 'x' })], planned), [
    'a Warning AgentsNotReady during 2 (drain), which was planned: x',
  ]);
});

test('suspects of DNS may be found during what is planned, those of the network may not', () => {
  const planned = [{ from: at - 1, until: at + 5 * seconds, operation: '3 (edit of hosts)' }];
  const found = (note: string, reason = 'SuspectFound') => warningsOfPlanned([event({ reason, note })], planned).length;
  assert.equal(found('Host absent.invalid.: 9 of 9 lookups by 4 nodes were answered with an error.'), 0);
  assert.equal(found('DNS server 192.0.2.53:53: 99 of 99 lookups by 4 nodes timed out.'), 0);
  assert.equal(found('1 suspect in the reports of the last 2m: DNS server 192.0.2.53:53: 9 of 9.', 'SuspectsFound'), 0);
  assert.equal(found('Node node-1 cannot be reached: 3 of 3 peers fail.'), 1);
  assert.equal(found('1 suspect in the reports of the last 2m: Node node-1 cannot be reached.', 'SuspectsFound'), 1);
});
