import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventContent, Occurrence, Regarding } from '../../../../src/operator/events/event.ts';
import type { Suspect } from '../../../../src/operator/judge/judge.ts';
import { repeatedSuspectEvents, SuspectEvents } from '../../../../src/operator/status/suspect-events.ts';
import { FakeClock } from '../../fake-clock.ts';
import { deadNode } from '../judge/judgements.ts';
import { netExporter } from '../net-exporter-builder.ts';

function setUp({ nodeEvents = false } = {}) {
  const clock = new FakeClock();
  const told: { content: EventContent; regarding: Regarding; occurrence: Occurrence | undefined }[] = [];
  const events = new SuspectEvents({
    events: { recordLimited: (content, regarding, occurrence) => told.push({ content, regarding, occurrence }) },
    clock,
    uidOfNode: (name) => (name === 'gone' ? undefined : `uid of ${name}`),
  });
  const resource = netExporter(({ health }) => {
    health.nodeEvents = nodeEvents;
  });
  const report = (raised: Suspect[] = [], cleared: Suspect[] = []) => events.report(resource, { raised, cleared });
  const texts = () => told.splice(0).map(({ content: { type, reason, note } }) => `${type} ${reason} ${note}`);
  return { clock, told, report, texts, now: () => clock.wall() };
}

const links = (count: number, from = 0): Suspect[] =>
  Array.from({ length: count }, (_, index) =>
    deadNode({ kind: 'Link', name: `n${from + index}>x`, evidence: `Link n${from + index} → x.` }),
  );

test('a suspect has a Warning Event with its evidence, and a Normal one when it is cleared', () => {
  const { clock, report, texts, now } = setUp();
  const node = deadNode({ since: now() });
  report([node]);
  assert.deepEqual(texts(), [`Warning SuspectFound ${node.evidence}`]);
  for (let judgement = 0; judgement < 12; judgement++) {
    clock.advance(5000);
    report();
  }
  assert.deepEqual(texts(), []);
  clock.advance(150_000);
  report([], [node]);
  assert.deepEqual(texts(), ['Normal SuspectCleared Node node-7 is no longer a suspect. It was one for 3m30s.']);
});

test('the Event is about the NetExporter, and its name the same for whichever leader finds it', () => {
  const { report, told } = setUp();
  const node = deadNode();
  report([node]);
  const [found] = told;
  assert.equal(found?.regarding.kind, 'NetExporter');
  assert.equal(found.occurrence?.mayExist, false);
  const status = { ...node, since: '2026-01-01T00:00:00Z' };
  const at = Date.parse(status.since);
  assert.deepEqual(repeatedSuspectEvents([status], at + 299_000), [
    { content: found.content, occurrence: { ...found.occurrence, mayExist: true } },
  ]);
  assert.deepEqual(repeatedSuspectEvents([status], at + 300_000), []);
});

test('at most ten changes a minute have Events, and one more counts the others', () => {
  const { clock, report, texts } = setUp();
  report(links(47));
  const first = texts();
  assert.equal(first.length, 11);
  assert.equal(first[9], 'Warning SuspectFound Link n9 → x.');
  assert.equal(first[10], 'Warning SuspectFound And 37 more: Link n10>x, Link n11>x, Link n12>x and 34 more.');
  clock.advance(30_000);
  report(links(1, 47), links(2));
  assert.deepEqual(texts(), [], 'the minute has had its summary');
  clock.advance(29_000);
  report();
  assert.deepEqual(texts(), []);
  clock.advance(1000);
  report(links(1, 48));
  assert.deepEqual(texts(), [
    'Warning SuspectFound Link n48 → x.',
    'Warning SuspectFound And 1 more: Link n47>x. And 2 more are no longer suspects: Link n0>x, Link n1>x.',
  ]);
});

test('what is left of a minute is reported although nothing else changes', () => {
  const { clock, report, texts } = setUp();
  report(links(11));
  report([], links(3));
  assert.equal(texts().length, 11);
  clock.advance(60_000);
  report();
  assert.deepEqual(texts(), [
    'Normal SuspectCleared And 3 more are no longer suspects: Link n0>x, Link n1>x, Link n2>x.',
  ]);
  clock.advance(60_000);
  report();
  assert.deepEqual(texts(), []);
});

test('a Node has Events of its own if the spec says so', () => {
  const { report, told } = setUp({ nodeEvents: true });
  const path = deadNode({ kind: 'ServicePath', name: 'node-2>agents' });
  const others = [deadNode({ name: 'gone' }), ...links(1), deadNode({ kind: 'Zone', name: 'node-9' })];
  report([deadNode(), path, ...others], [deadNode()]);
  const ofNodes = told.filter(({ regarding }) => regarding.kind === 'Node');
  assert.deepEqual(
    ofNodes.map(({ regarding, content }) => [regarding.metadata, content.reason]),
    [
      [{ namespace: '', name: 'node-7', uid: 'uid of node-7' }, 'SuspectFound'],
      [{ namespace: '', name: 'node-2', uid: 'uid of node-2' }, 'SuspectFound'],
      [{ namespace: '', name: 'node-7', uid: 'uid of node-7' }, 'SuspectCleared'],
    ],
  );
  assert.match(ofNodes[0]!.content.note, /timed out\)\. NetExporter: monitoring\/default\.$/);
  assert.equal(told.length - ofNodes.length, 6);
});

test('Nodes have no Events by default, nor those beyond the limit', () => {
  const byDefault = setUp();
  byDefault.report([deadNode()]);
  assert.equal(byDefault.told.length, 1);
  const many = setUp({ nodeEvents: true });
  many.report(Array.from({ length: 30 }, (_, number) => deadNode({ name: `node-${number}` })));
  assert.equal(many.told.filter(({ regarding }) => regarding.kind === 'Node').length, 10);
});

test('each NetExporter has a limit of its own', () => {
  const clock = new FakeClock();
  let count = 0;
  const events = new SuspectEvents({ events: { recordLimited: () => count++ }, clock, uidOfNode: () => undefined });
  for (const uid of ['a', 'b']) {
    const resource = netExporter();
    events.report({ ...resource, metadata: { ...resource.metadata, uid } }, { raised: links(10), cleared: [] });
  }
  assert.equal(count, 20);
});
