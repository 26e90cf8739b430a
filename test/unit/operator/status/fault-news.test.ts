import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultNews } from '../../../../src/operator/status/fault-news.ts';
import { type Findings, statusOf } from '../../../../src/operator/status/status.ts';

const daemonSet = {
  ...{ generation: 1, observedGeneration: 1, desired: 9, created: 9, updated: 9, ready: 9, misscheduled: 0 },
};
const healthy: Findings = {
  ...{ generation: 1, obstacles: [], waitingFor: [], daemonSet, faults: [], stranded: [], unready: [] },
  ...{ refusal: undefined, isOverdue: false, propagation: undefined, exceeded: [], judged: undefined },
};

/** The notes of the Events that each status after the first one is worth. */
function notes(...all: Partial<Findings>[]): string[][] {
  return notesOf(new FaultNews(), all);
}

function notesOf(news: FaultNews, all: Partial<Findings>[]): string[][] {
  const findings = all.map((each) => ({ ...healthy, ...each }));
  const statuses = findings.map((each) => statusOf(each, undefined, 0));
  return findings.flatMap((each, index) => {
    if (index === 0) return [];
    const events = news.take({ before: statuses[index - 1], after: statuses[index]! }, each);
    return [events.map(({ content: { type, reason, note } }) => `${type} ${reason} ${note}`)];
  });
}

const unready = (ready: number, ...nodes: string[]): Partial<Findings> => ({
  daemonSet: { ...daemonSet, ready },
  unready: nodes.map((node) => `a-${node} on ${node}`),
});
const broken = (...nodes: string[]): Partial<Findings> => ({
  faults: nodes.map((node) => ({ node, reason: 'AgentImagePullFailed', message: 'a:1: ImagePullBackOff' })),
});
const rejected = (message: string, ...objects: string[]): Partial<Findings> => ({
  obstacles: objects.map((object) => ({ reason: 'ApplyRejected', message: `${object} ${message}`, objects: [object] })),
});
const behind = (...nodes: string[]): Partial<Findings> => ({
  propagation: {
    ...{ agents: 9, configured: 9 - nodes.length, reporting: 9, unheard: 0, overdue: nodes },
    waiting: nodes.slice(0, 3).map((node) => ({ node, why: 'outdated settings' })),
  },
});

test('another node with the same fault is worth one Event, which names it', () => {
  const [first, second, third] = notes(healthy, broken('n1'), broken('n1', 'n2'), broken('n1', 'n2'));
  assert.deepEqual([first, third], [[], []]);
  assert.match(second!.join(), /^Warning AgentImagePullFailed 2 agents cannot pull the image: n1 .*, n2 /);
});

test('a node that the message does not name is named before it', () => {
  const nodes = ['n1', 'n2', 'n3', 'n4'];
  const [, event] = notes(healthy, broken('n1', 'n2', 'n3'), broken(...nodes));
  assert.match(event!.join(), /^Warning AgentImagePullFailed New: n4\. 4 agents cannot pull the image: .* and 1 more/);
});

test('a fault that ends is no news, and one that comes back is', () => {
  const [, ended, back] = notes(broken('n1'), broken('n1', 'n2'), broken('n1'), broken('n1', 'n2'));
  assert.deepEqual([ended!.length, back!.length], [0, 1]);
});

test('another agent that is no longer ready is news, whether its count or its pod is seen first', () => {
  const [pod, count] = notes(unready(8, 'n1'), unready(8, 'n1', 'n2'), unready(7, 'n1', 'n2')).slice(0);
  assert.deepEqual(pod, []);
  assert.match(count!.join(), /^Warning AgentsNotReady 7 of 9 agents are ready\. Not ready: a-n1 on n1, a-n2 on n2\./);
  const later = notes(unready(8, 'n1'), unready(7, 'n1'), unready(7, 'n1', 'n2'));
  assert.deepEqual(
    later.map(({ length }) => length),
    [1, 0],
  );
});

test('agents on new nodes, and ready agents that are no longer wanted, are no news', () => {
  const more = {
    ...unready(8, 'n1', 'n9'),
    daemonSet: { ...daemonSet, desired: 10, created: 10, updated: 10, ready: 8 },
  };
  const fewer = { ...unready(7, 'n1'), daemonSet: { ...daemonSet, desired: 8, created: 8, updated: 8, ready: 7 } };
  assert.deepEqual(notes(unready(8, 'n1'), more), [[]]);
  assert.deepEqual(notes(unready(8, 'n1'), fewer), [[]]);
});

test('an agent that is lost after ten minutes without progress is news in Stalled only', () => {
  const isOverdue = true;
  const [event] = notes({ ...unready(8, 'n1'), isOverdue }, { ...unready(7, 'n1', 'n2'), isOverdue });
  assert.equal(event!.length, 1);
  assert.match(event![0]!, /^Warning ProgressDeadlineExceeded No progress .* a-n2 on n2/);
});

test('another object is news, and other words about the same one are not', () => {
  const [words, object] = notes(
    rejected('used 3', 'Service a'),
    rejected('used 4', 'Service a'),
    rejected('used 4', 'Service a', 'ConfigMap b'),
  );
  assert.deepEqual(words, []);
  assert.match(object!.join(), /ConfigMap b used 4/);
});

test('another agent that stays behind is news, and an edit that is on its way to the others is not', () => {
  const onItsWay = behind('n1').propagation as object;
  const edited = { propagation: { ...onItsWay, configured: 0 } } as Partial<Findings>;
  const [first, edit, second] = notes(healthy, behind('n1'), edited, behind('n1', 'n2'));
  assert.deepEqual([first, edit], [[], []]);
  assert.match(second!.join(), /^Warning AgentsOutOfSync 7 of 9 .* n1 \(outdated settings\), n2 /);
});

test('a new leader knows from the message what the former one has told', () => {
  const first = (before: Partial<Findings>, after: Partial<Findings>) => notesOf(new FaultNews(), [before, after])[0]!;
  assert.deepEqual(first(broken('n1', 'n2'), { ...broken('n1', 'n2'), generation: 2 }), []);
  assert.equal(first(broken('n12'), broken('n1', 'n12')).length, 1);
  // The three that are named are not all.
  assert.deepEqual(first(broken('n1', 'n2', 'n3', 'n4'), broken('n2', 'n3', 'n4', 'n5')), []);
});
