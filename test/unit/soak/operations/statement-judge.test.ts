import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../../../soak/operations/moment.ts';
import { StatementJudge } from '../../../../soak/operations/statement-judge.ts';
import { agents, condition, conditionsWith, daemonSet, moment, resource, saying, wellStatus } from './world.ts';

/** Of so long a history, a moment every half second, what is so at each second. */
function judged(seconds: number, at: (second: number) => Partial<Moment>): StatementJudge {
  const judge = new StatementJudge();
  for (let half = 0; half <= seconds * 2; half++) {
    const now = 100_000 + half * 500;
    const over = at(half / 2);
    judge.add(moment({ at: now, agents: agents({}, {}, now), exposed: [], ...over }));
  }
  judge.finish();
  return judge;
}

const found = ({ falsehoods }: StatementJudge) => falsehoods.map(({ subject }) => subject);
const ready = (count: number) => ({ ...daemonSet, ready: count });
const figure = (over: object) => saying({ agents: { ...wellStatus.agents!, ...over } });

/** As world's, but that a figure is said and nothing else of it. */
const silent = { conditions: conditionsWith(condition('Ready', 'True', 'AgentsReady')) };
const saysReady = (count: number) => ({
  ...figure({ ready: count, summary: `${count}/2` }),
  status: { ...figure({ ready: count, summary: `${count}/2` }).status!, ...silent },
});

test('a history in which all is so has no falsehood', () => {
  const judge = judged(30, () => ({}));
  assert.deepEqual(found(judge), []);
  assert.equal(judge.longestSeconds, 0);
  assert.ok(judge.compared > 500);
  assert.ok(judge.statements >= 10);
});

test('a figure that follows within five seconds is not false', () => {
  const judge = judged(30, (second) => ({
    daemonSet: ready(second < 10 ? 2 : 1),
    resource: saysReady(second < 14.5 ? 2 : 1),
  }));
  assert.deepEqual(found(judge), []);
  assert.equal(judge.longestSeconds, 4);
});

test('a figure that follows after more than five seconds is false, for as long as it was said', () => {
  const judge = judged(40, (second) => ({
    daemonSet: ready(second < 10 ? 2 : 1),
    resource: saysReady(second < 18 ? 2 : 1),
  }));
  assert.deepEqual(found(judge), ['status.agents.ready']);
  const [{ seconds, said, operation, truth }] = judge.falsehoods as [(typeof judge.falsehoods)[0]];
  assert.deepEqual({ seconds, said, operation }, { seconds: 7.5, said: '2', operation: '1 (edit of hosts)' });
  assert.match(truth, /1 ready, 2 current/);
  assert.equal(judge.longestSeconds, 7.5);
});

test('a figure that is never corrected is one falsehood', () => {
  const judge = judged(60, (second) => ({ daemonSet: ready(second < 10 ? 2 : 1), resource: saysReady(2) }));
  assert.deepEqual(found(judge), ['status.agents.ready']);
  assert.equal(judge.falsehoods[0]!.seconds, 50);
});

test('what was never so is false if it is said for more than two seconds', () => {
  const invented = (seconds: number) =>
    judged(30, (second) => ({ resource: saysReady(second >= 20 && second < 20 + seconds ? 1 : 2) }));
  assert.deepEqual(found(invented(2)), []);
  assert.deepEqual(found(invented(3)), ['status.agents.ready']);
  assert.equal(invented(3).falsehoods[0]!.seconds, 2.5);
});

test('agents of other Services may lack settings for five seconds, but no longer', () => {
  const lacking = { ...figure({ configured: 0 }), status: { ...figure({ configured: 0 }).status!, ...silent } };
  const corrected = (at: number) =>
    judged(40, (second) => ({
      servicesSince: second < 20 ? 0 : 120_000,
      resource: second >= 21 && second < at ? lacking : resource,
    }));
  assert.deepEqual(found(corrected(23)), []);
  assert.deepEqual(found(corrected(33)), ['status.agents.configured']);
});

test('a statement may come four seconds before what it is about is seen, but no more', () => {
  const early = (lead: number) =>
    judged(30, (second) => ({
      daemonSet: ready(second < 20 ? 2 : 1),
      resource: saysReady(second < 20 - lead ? 2 : 1),
    }));
  assert.deepEqual(found(early(4)), []);
  assert.deepEqual(found(early(5)), ['status.agents.ready']);
});

test('what was so a moment ago is not false while it changes to and fro', () => {
  const judge = judged(40, (second) => ({ daemonSet: ready(second % 4 < 2 ? 2 : 1), resource: saysReady(2) }));
  assert.deepEqual(found(judge), []);
});

test('without a leader nothing is false; figures of a new one have five seconds more', () => {
  const leader = { pod: 'operator-2', since: 100_000 + 30_000 };
  const changed = (correctedAt: number) =>
    judged(60, (second) => ({
      leader: second < 10 ? moment().leader : second < 30 ? undefined : leader,
      daemonSet: ready(second < 12 ? 2 : 1),
      resource: saysReady(second < correctedAt ? 2 : 1),
    }));
  assert.deepEqual(found(changed(39.5)), []);
  assert.deepEqual(found(changed(42)), ['status.agents.ready']);
});

test('a condition has five seconds from when there is a leader', () => {
  const stalled = condition('Stalled', 'True', 'AgentCrashLooping');
  const leader = { pod: 'operator-2', since: 100_000 + 30_000 };
  const changed = (correctedAt: number) =>
    judged(60, (second) => ({
      leader: second < 30 ? undefined : leader,
      resource: saying({ conditions: second < correctedAt ? conditionsWith(stalled) : wellStatus.conditions }),
    }));
  assert.deepEqual(found(changed(34)), []);
  assert.deepEqual(found(changed(37)), ['condition Stalled']);
});

test('a new NetExporter has five seconds', () => {
  const created = (saidAt: number) =>
    judged(40, (second) => ({
      resource: second < 10 ? undefined : second < saidAt ? { ...resource, status: undefined } : resource,
      resourceSince: 110_000,
    }));
  assert.deepEqual(found(created(14)), []);
  assert.deepEqual(found(created(17)), ['status.observedGeneration']);
});

test('an edit that is not observed within five seconds is found, once for each that says so', () => {
  const judge = judged(40, (second) => ({
    resource: { ...resource, generation: second < 10 ? 3 : 4 },
    agents: agents({ generation: 4 }, { generation: 4 }, 100_000 + second * 1000),
  }));
  const subjects = found(judge);
  assert.ok(subjects.includes('status.observedGeneration'));
  assert.ok(subjects.includes('generation of condition ConfigPropagated'));
  assert.ok(subjects.includes('status.agents.configured'));
  assert.equal(new Set(subjects).size, subjects.length);
});
