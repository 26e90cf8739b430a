import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShownJudgement } from '../../../../src/operator/judge/shown-judgement.ts';
import { deadNode, judgedFleet } from './judgements.ts';

const windowMs = 120_000;

test('a fleet at rest shows the first judgement, whatever the latencies of each are', () => {
  const shown = new ShownJudgement();
  assert.equal(shown.current, undefined);
  const first = judgedFleet();
  assert.equal(shown.update(first, 0), true);
  for (let now = 5000; now < 3_600_000; now += 5000) {
    // A slow probe stays in the window for two minutes.
    const isSpike = now % 600_000 < windowMs;
    const network = { p50: 0.000_15, p99: isSpike ? 0.02 : 0.0006, attempts: now, failures: isSpike ? 1 : 0 };
    const links = { ok: 30 - Number(isSpike), slow: 0, failing: Number(isSpike), unreported: 0 };
    assert.equal(shown.update(judgedFleet({ network: { ...network, links } }), now), false, String(now));
  }
  assert.equal(shown.current, first);
});

test('a latency that has moved by more than a factor of two for two windows is shown', () => {
  const shown = new ShownJudgement();
  shown.update(judgedFleet(), 0);
  const slower = judgedFleet({ dns: { p99: 0.0097 } });
  for (let now = 5000; now < 5000 + 2 * windowMs; now += 5000) assert.equal(shown.update(slower, now), false);
  assert.equal(shown.update(slower, 5000 + 2 * windowMs), true);
  assert.equal(shown.current, slower);
});

test('a latency that becomes known or unknown is shown at once', () => {
  const shown = new ShownJudgement();
  shown.update(judgedFleet({ network: { p50: undefined, p99: undefined } }), 0);
  assert.equal(shown.update(judgedFleet(), 5000), true);
  assert.equal(shown.update(judgedFleet({ dns: { p50: undefined, p99: undefined } }), 10_000), true);
});

const dead = deadNode();
const changes: [string, Parameters<typeof judgedFleet>[0]][] = [
  ['a suspect', { verdict: { suspects: [dead] } }],
  ['a window', { windowMs: 360_000 }],
  ['a spec', { generation: 8 }],
  ['the end of warming', { verdict: { isWarming: true } }],
  ['agents of which most do not report', { verdict: { reporting: 2 } }],
  ['a part that is not judged', { dns: { unknown: 'Disabled' } }],
  ['the number of servers', { dns: { servers: 4 } }],
  ['the number of links', { network: { links: { ok: 29, slow: 0, failing: 0, unreported: 0 } } }],
];
for (const [what, over] of changes)
  test(`${what} is shown at once`, () => {
    const shown = new ShownJudgement();
    shown.update(judgedFleet(), 0);
    assert.equal(shown.update(judgedFleet(over), 5000), true);
    assert.equal(shown.update(judgedFleet(over), 10_000), false, 'once');
    assert.equal(shown.update(judgedFleet(), 15_000), true);
  });

test('links that change between ok and failing are no other count', () => {
  const shown = new ShownJudgement();
  shown.update(judgedFleet(), 0);
  const links = { ok: 27, slow: 0, failing: 2, unreported: 1 };
  assert.equal(shown.update(judgedFleet({ network: { links } }), 5000), false);
});

test('the numbers and the order of suspects stay as they are until something else changes', () => {
  const shown = new ShownJudgement();
  const link = deadNode({ kind: 'Link', name: 'n1>n2', evidence: 'Link n1 → n2: 5 of 5 probes in 30 s timed out.' });
  const first = judgedFleet({ verdict: { suspects: [dead, link] } });
  shown.update(first, 0);
  const later = { ...dead, evidence: dead.evidence.replaceAll('31', '1,204') };
  assert.equal(shown.update(judgedFleet({ verdict: { suspects: [link, later] } }), 5000), false);
  assert.equal(shown.current, first);
  const renamed = { ...later, reason: 'Rebooted' as const };
  assert.equal(shown.update(judgedFleet({ verdict: { suspects: [link, renamed] } }), 10_000), true);
  assert.deepEqual(shown.current?.verdict.suspects, [link, renamed]);
});

test('a sentence that says something else is shown at once', () => {
  const shown = new ShownJudgement();
  shown.update(judgedFleet({ verdict: { suspects: [dead] } }), 0);
  const evidence = dead.evidence.replace(/\.$/, '; its Node is NotReady.');
  assert.equal(shown.update(judgedFleet({ verdict: { suspects: [{ ...dead, evidence }] } }), 5000), true);
  const other = { ...dead, evidence: evidence.replace('node-7', 'node-8') };
  assert.equal(shown.update(judgedFleet({ verdict: { suspects: [other] } }), 10_000), true, 'a number within a name');
});

test('a suspect at the border between two reasons does not change with each judgement', () => {
  const shown = new ShownJudgement();
  const judgedAs = (reason: 'Unreachable' | 'Loss' | 'Rebooted') =>
    judgedFleet({ verdict: { suspects: [deadNode({ reason })] } });
  assert.equal(shown.update(judgedAs('Unreachable'), 0), true);
  assert.equal(shown.update(judgedAs('Loss'), 5000), true, 'new words are shown at once');
  for (let now = 10_000; now < 3_600_000; now += 10_000) {
    assert.equal(shown.update(judgedAs('Unreachable'), now), false, `${now}`);
    assert.equal(shown.update(judgedAs('Loss'), now + 5000), false, `${now}`);
  }
  assert.equal(shown.update(judgedAs('Rebooted'), 3_600_000), true);
  const since = 3_605_000;
  for (let now = since; now < since + 2 * windowMs; now += 5000)
    assert.equal(shown.update(judgedAs('Loss'), now), false, `${now}`);
  assert.equal(shown.update(judgedAs('Loss'), since + 2 * windowMs), true, 'they have lasted');
  assert.equal(shown.update(judgedFleet(), since + 2 * windowMs + 5000), true, 'the end of a suspect is shown at once');
});
