import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangedOutcomes } from '../../../../src/operator/judge/changed-outcomes.ts';
import { Observations } from '../../../../src/operator/judge/observations.ts';
import { StreamBudget } from '../../../../src/operator/judge/stream-budget.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import { FakeClock } from '../../fake-clock.ts';
import { judgeOptions } from './judged-fleet.ts';

const dial = (number: number): Link => ({
  ...{ probe: 'network', host: `10.0.0.${number}:8000`, server: '', protocol: 'TCP', type: '' },
  ...{ node: `n${number}`, zone: '' },
});
const outcomes = (attempts: number, failed = 0): Outcomes => ({
  attempts,
  failures: failed > 0 ? { timeout: failed } : {},
  retransmits: 0,
  latencies: attempts > failed ? [[40, attempts - failed]] : [],
});

function setUp(maxStreams?: number) {
  const unjudged = { count: 0 };
  const changes = new ChangedOutcomes(new FakeClock());
  const budget = new StreamBudget(maxStreams);
  const shared = { budget, changes, onUnjudged: () => void unjudged.count++ };
  const observations = new Observations(judgeOptions, 0, shared);
  const take = (agent: string, results: [Link, Outcomes][], now = 0) =>
    observations.take({ agent, zone: 'z', spanMs: 15_000, results }, now);
  const sum = (agent: string, link: Link) => {
    const stream = observations.streamsOf(agent)?.get(link);
    return stream === undefined ? undefined : observations.outcomeOf(stream, 'whole');
  };
  return { observations, take, sum, unjudged, changes, budget };
}

test('a link under another object, as after its reports were dropped, is the same stream', () => {
  const { observations, take, sum } = setUp();
  const [before, after] = [dial(1), dial(1)];
  take('a', [
    [before, outcomes(2, 1)],
    [dial(2), outcomes(2)],
  ]);
  take('a', [[after, outcomes(1, 1)]]);
  assert.deepEqual(sum('a', after), { attempts: 3, bad: 2 });
  assert.equal(sum('a', before), undefined);
  assert.deepEqual([observations.counts.size, observations.links[0]], [2, after]);
});

test('there are so many streams at most, of all agents, and those that end make room', () => {
  const { observations, take, sum, unjudged, budget } = setUp(3);
  const links = [1, 2, 3, 4].map(dial);
  take(
    'a',
    links.map((link) => [link, outcomes(1)]),
  );
  assert.deepEqual([unjudged.count, sum('a', links[3]!)], [1, undefined]);
  take('b', [[links[0]!, outcomes(1)]]);
  assert.equal(unjudged.count, 2);
  observations.forget('a');
  take('b', [[links[0]!, outcomes(1)]]);
  assert.equal(unjudged.count, 2);
  observations.advance(200_000);
  assert.equal(observations.streamsOf('b'), undefined, 'nothing was attempted within the window');
  take(
    'c',
    links.slice(1).map((link) => [link, outcomes(1)]),
    200_000,
  );
  observations.close();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => budget.take()),
    [true, true, true, false],
  );
});

test('an agent makes as many attempts as its interval allows: more do not count, and are counted', () => {
  const { observations, take, sum, unjudged } = setUp();
  const link = dial(1);
  take('liar', [[link, outcomes(1_000_000, 1_000_000)]]);
  assert.deepEqual([sum('liar', link)?.attempts, unjudged.count], [0, 1]);
  for (let report = 0; report < 100; report++) take('liar', [[link, outcomes(2, 2)]], report * 500);
  const [most] = [Math.ceil(150_000 / judgeOptions.networkIntervalMs) + 2];
  assert.ok(sum('liar', link)!.attempts <= most!, `${sum('liar', link)?.attempts}`);
  assert.equal(observations.latencies.network.quantiles([0.5])[0], undefined);
});

test('an agent that keeps to the interval is never cut, also after the interval was made longer', () => {
  const { observations, take, unjudged } = setUp();
  const links = [1, 2, 3].map(dial);
  let now = 0;
  const run = (seconds: number, perReport: number) => {
    for (const end = now + seconds * 1000; now < end; now += 15_000)
      take(
        'a',
        links.map((link) => [link, outcomes(perReport)]),
        now,
      );
  };
  observations.options = { ...judgeOptions, networkIntervalMs: 5000 };
  run(300, 3);
  observations.options = judgeOptions;
  run(300, 2);
  assert.equal(unjudged.count, 0);
});

test('links that are judged no more are forgotten at once', () => {
  const { observations, take, sum } = setUp();
  const links = [1, 2].map(dial);
  take(
    'a',
    links.map((link) => [link, outcomes(1)]),
  );
  for (const _ of observations.keep(({ node }) => node === 'n2')) assert.fail('two links need no break');
  assert.deepEqual(
    links.map((link) => sum('a', link)?.attempts),
    [undefined, 1],
  );
});

test('links by the thousand are forgotten in slices, and meanwhile an agent may go and another one report', () => {
  const { observations, take, sum } = setUp();
  const links = Array.from({ length: 1000 }, (_, index) => dial(index + 1));
  const results = links.map((link): [Link, Outcomes] => [link, outcomes(1)]);
  for (let agent = 1; agent <= 20; agent++) take(`a${agent}`, results);
  let forgotten = 0;
  let most = 0;
  let slices = 0;
  const isJudged = () => {
    forgotten++;
    return false;
  };
  for (const _ of observations.keep(isJudged)) {
    most = Math.max(most, forgotten);
    forgotten = 0;
    if (slices++ > 0) continue;
    for (const agent of ['a1', 'a20']) observations.forget(agent);
    take('a21', results.slice(0, 1));
  }
  assert.ok(slices >= 3 && most <= 6000, `${slices} slices, ${most} links in the longest`);
  for (let agent = 1; agent <= 21; agent++)
    for (const link of links) assert.equal(sum(`a${agent}`, link), undefined, `a${agent}`);
  // Each number is free once: the streams of others are not mixed up.
  take('b', results.slice(0, 500));
  take(
    'c',
    results.slice(0, 500).map(([link]): [Link, Outcomes] => [link, outcomes(2)]),
  );
  for (const link of links.slice(0, 500))
    assert.deepEqual([sum('b', link)?.attempts, sum('c', link)?.attempts], [1, 2]);
});

test('an outcome that changes is told of', () => {
  const { take, changes } = setUp();
  const link = dial(1);
  take('a', [[link, outcomes(2)]]);
  take('b', [[link, outcomes(2, 2)]]);
  assert.equal(changes.size, 0);
  take('a', [[link, outcomes(2, 1)]], 15_000);
  take('b', [[link, outcomes(2, 2)]], 15_000);
  assert.deepEqual([changes.has('a'), changes.has('b')], [true, false]);
});

test('a target that becomes slow is told of too', () => {
  const { take, changes } = setUp();
  const link = dial(1);
  const slow: Outcomes = { ...outcomes(2), latencies: [[sketchIndex(0.5), 2]] };
  take('a', [[link, outcomes(2)]]);
  take('b', [[link, slow]]);
  assert.equal(changes.size, 0);
  take('a', [[link, slow]], 15_000);
  take('b', [[link, slow]], 15_000);
  assert.deepEqual([changes.has('a'), changes.has('b')], [true, false]);
});

test('a fleet that shrinks gives its memory back, and its streams keep what is counted', () => {
  const { observations, take, sum } = setUp();
  const { counts } = observations;
  const capacity = () => counts.sums('attempts', 'whole').length;
  assert.equal(capacity(), 0, 'no streams');
  const links = Array.from({ length: 10 }, (_, number) => dial(number));
  const agents = Array.from({ length: 100 }, (_, number) => `agent-${number}`);
  for (const [number, agent] of agents.entries())
    take(
      agent,
      links.map((link, to) => [link, outcomes(1 + (to % 3), number === 98 ? 1 : 0)]),
    );
  assert.ok(capacity() >= 1000);
  for (const agent of agents.slice(0, 98)) observations.forget(agent);
  observations.advance(1000);
  assert.deepEqual([counts.size, capacity()], [20, 32]);
  for (const [to, link] of links.entries()) {
    assert.deepEqual(sum('agent-98', link), { attempts: 1 + (to % 3), bad: 1 });
    const stream = observations.streamsOf('agent-99')!.get(link)!;
    assert.deepEqual(
      [observations.links[stream], observations.agents[stream]],
      [link, observations.numberOf('agent-99')],
    );
    assert.deepEqual(sum('agent-99', link), { attempts: 1 + (to % 3), bad: 0 });
  }
  take('agent-99', [[links[0]!, outcomes(2, 2)]], 1000);
  assert.deepEqual(sum('agent-99', links[0]!), { attempts: 3, bad: 2 });
  for (const agent of ['agent-98', 'agent-99']) observations.forget(agent);
  observations.advance(2000);
  assert.deepEqual([counts.size, capacity()], [0, 0]);
});
