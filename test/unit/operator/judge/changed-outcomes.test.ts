import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangedOutcomes, type Outcome } from '../../../../src/operator/judge/changed-outcomes.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import { FakeClock } from '../../fake-clock.ts';

const windowMs = 120_000;
const well: Outcome = { attempts: 12, bad: 0 };
const failed: Outcome = { attempts: 12, bad: 12 };
const mixed: Outcome = { attempts: 12, bad: 5 };
const twoWell: Outcome = { attempts: 2, bad: 0 };
const twoBad: Outcome = { attempts: 2, bad: 2 };
const oneOfTwo: Outcome = { attempts: 2, bad: 1 };

const dial = (node: string): Link => ({
  ...{ probe: 'network', host: `${node}:8000`, server: '', protocol: 'TCP', type: '', node, zone: '' },
});
const lookup = (host: string, server: string): Link => ({
  ...{ probe: 'dns', host, server, protocol: 'UDP', type: 'A', node: '', zone: '' },
});
const link = dial('n2');

function setUp() {
  const clock = new FakeClock();
  const changes = new ChangedOutcomes(clock);
  const note = (agent: string, of: Link, before: Outcome, now: Outcome) =>
    changes.note(agent, of, { before, now, windowMs });
  return { clock, changes, note };
}

test('a target that was well and becomes bad is a change for one window, and one that recovers, too', () => {
  for (const [before, now] of [
    [well, twoBad],
    [well, oneOfTwo],
    [failed, twoWell],
    [failed, oneOfTwo],
  ] as const) {
    const { clock, changes, note } = setUp();
    note('a', link, before, now);
    assert.deepEqual([changes.has('a'), changes.has('b')], [true, false]);
    clock.advance(windowMs - 1);
    assert.ok(changes.has('a'));
    clock.advance(1);
    assert.deepEqual([changes.has('a'), changes.size], [false, 0]);
  }
});

test('a target that stays as it is, is new, or is neither well nor bad is no change', () => {
  const { changes, note } = setUp();
  for (const [before, now] of [
    [well, twoWell],
    [failed, twoBad],
    [mixed, twoBad],
    [mixed, twoWell],
    [{ attempts: 0, bad: 0 }, twoBad],
    [well, { attempts: 0, bad: 0 }],
  ] as const)
    note('a', link, before, now);
  assert.equal(changes.has('a'), false);
});

test('a single lost probe is a change only until the next one is well', () => {
  const { changes, note } = setUp();
  note('a', link, well, oneOfTwo);
  note('a', link, { attempts: 12, bad: 1 }, oneOfTwo);
  assert.ok(changes.has('a'), 'it goes on');
  note('a', link, mixed, twoWell);
  assert.equal(changes.has('a'), false);
});

test('a target that goes back and forth is a change once, however long it does', () => {
  const { clock, changes, note } = setUp();
  const outcomes: Outcome[] = Array.from({ length: 8 }, () => ({ attempts: 1, bad: 0 }));
  let changed = 0;
  for (let round = 0; round < 400; round++) {
    const now = { attempts: 1, bad: (round * 7919) % 5 < 2 ? 1 : 0 };
    const sum = (part: keyof Outcome) => outcomes.slice(-8).reduce((total, outcome) => total + outcome[part], 0);
    const wasChanged = changes.has('a');
    note('a', link, { attempts: sum('attempts'), bad: sum('bad') }, now);
    if (!wasChanged && changes.has('a')) changed++;
    outcomes.push(now);
    clock.advance(15_000);
  }
  assert.equal(changed, 1);
});

test('so many witnesses are enough: of one node and one server few, of one name some, and 500 agents in all', () => {
  const count = (linkOf: (agent: number) => Link) => {
    const { changes, note } = setUp();
    for (let agent = 0; agent < 5000; agent++) note(`${agent}`, linkOf(agent), well, twoBad);
    return changes.size;
  };
  assert.equal(
    count(() => link),
    20,
  );
  assert.equal(
    count(() => lookup('a.', '10.0.0.1:53')),
    20,
  );
  assert.equal(
    count((agent) => lookup('a.', `10.0.0.${agent % 40}:53`)),
    100,
  );
  assert.equal(
    count((agent) => dial(`n${agent}`)),
    500,
  );
});

test('a place is free again when the window is over, also of an agent that is silent', () => {
  const { clock, changes, note } = setUp();
  for (let agent = 0; agent < 20; agent++) note(`${agent}`, link, well, twoBad);
  clock.advance(windowMs - 1);
  note('20', link, well, twoBad);
  assert.equal(changes.has('20'), false);
  clock.advance(5000);
  note('20', link, well, twoBad);
  assert.deepEqual([changes.has('20'), changes.size], [true, 1]);
});

test('a place is free again when an agent is forgotten, or its target is as before', () => {
  const { changes, note } = setUp();
  for (let agent = 0; agent < 21; agent++) note(`${agent}`, link, well, twoBad);
  assert.equal(changes.has('20'), false);
  changes.forget('3');
  changes.forget('3');
  note('4', link, mixed, twoWell);
  for (const agent of ['20', '21', '22']) note(agent, link, well, twoBad);
  assert.deepEqual([changes.has('20'), changes.has('21'), changes.has('22'), changes.size], [true, true, false, 20]);
});
