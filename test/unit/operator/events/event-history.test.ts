import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventHistory } from '../../../../src/operator/events/event-history.ts';
import { FakeClock } from '../../fake-clock.ts';
import { netExporter } from '../net-exporter-builder.ts';

const event = (note: string) => ({ type: 'Warning', reason: 'SuspectFound', action: 'Judge', note }) as const;

test('an Event that happens again is counted, and is the newest', () => {
  const clock = new FakeClock();
  const history = new EventHistory(clock);
  const start = clock.wall();
  for (const note of ['a', 'b', 'a']) {
    history.note(event(note), netExporter());
    clock.advance(1000);
  }
  assert.deepEqual(
    [...history.events()].map(({ id, content, firstAt, lastAt, count }) => [
      ...[id, content.note, firstAt - start, lastAt - start, count],
    ]),
    [
      [2, 'b', 1000, 1000, 1],
      [3, 'a', 0, 2000, 2],
    ],
  );
});

test('only Events about NetExporters are remembered, and a thousand of them', () => {
  const history = new EventHistory(new FakeClock());
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { namespace: '', name: 'n', uid: 'u' } };
  history.note(event('of a node'), node);
  for (let number = 1; number <= 1200; number++) history.note(event(`${number}`), netExporter());
  const notes = [...history.events()].map(({ content }) => content.note);
  assert.deepEqual([notes.length, notes[0], notes.at(-1)], [1000, '201', '1200']);
});
