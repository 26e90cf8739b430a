import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthenticatedAgent } from '../../../../src/operator/agents/sync-source.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import type { SyncRefusal } from '../../../../src/operator/sync/identity/sync-refusal.ts';
import { SyncHub, type Waiter } from '../../../../src/operator/sync/sync-hub.ts';
import type { Assignment } from '../../../../src/protocol/assignment.ts';
import type { Held, SyncAnswer, SyncRequest } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';

const agentOf = (podUid: string): AuthenticatedAgent => ({
  resource: 'n/a',
  podUid,
  pod: `pod-${podUid}`,
  node: `node-${podUid}`,
});
const assignmentOf = (revision: number): Assignment => ({
  version: 1,
  uid: 'cr',
  epoch: 1,
  revision,
  zone: '',
  peers: [],
  dnsServers: [],
});
const holding = (revision: number): Held => ({ assignment: { uid: 'cr', epoch: 1, revision } });
const request = (held: Held, sequence?: number, leaving?: boolean): SyncRequest => ({
  version: 1,
  held,
  ...(leaving !== undefined && { leaving }),
  ...(sequence !== undefined && { report: { stream: 's', sequence, spanMs: 1, targets: [] } }),
});

/** What an agent was told, and when. */
class Caller implements Waiter {
  answers: { at: number; answer: SyncAnswer }[] = [];
  refusals: string[] = [];
  readonly #clock: FakeClock;
  constructor(clock: FakeClock) {
    this.#clock = clock;
  }
  answer(answer: SyncAnswer): void {
    this.answers.push({ at: this.#clock.monotonic(), answer });
  }
  refuse({ code }: SyncRefusal): void {
    this.refusals.push(code);
  }
  get last(): SyncAnswer | undefined {
    return this.answers.at(-1)?.answer;
  }
}

/** A hub over a plan: which revision each pod is to have. Undefined: nothing is known. */
function setUp({ random = (): number => 0 } = {}) {
  const clock = new FakeClock();
  const start = clock.monotonic();
  const plan = new Map<string, number>();
  const gone: string[] = [];
  const changed = new Set<string>();
  const lines: string[] = [];
  const state = { known: true, asked: 0, faulty: '' };
  const hub = new SyncHub({
    source: {
      answerFor({ podUid }, { assignment }) {
        state.asked++;
        if (podUid === state.faulty) throw new TypeError(`no answer for ${podUid}`);
        if (!state.known) return undefined;
        const revision = plan.get(podUid)!;
        return assignment?.revision === revision ? {} : { assignment: assignmentOf(revision) };
      },
      took: (_agent, { report }) => report && { stream: report.stream, sequence: report.sequence },
      holdMsOf: ({ podUid }) => (changed.has(podUid) ? 5000 : 15_000),
      gone: ({ podUid }) => void gone.push(podUid),
    },
    clock,
    random,
    holdMs: 15_000,
    log: operatorLogger('info', { write: (line) => void lines.push(line) }),
  });
  const call = (podUid: string, held: Held, sequence?: number, leaving?: boolean) => {
    if (!plan.has(podUid)) plan.set(podUid, 1);
    const caller = new Caller(clock);
    hub.exchange(agentOf(podUid), request(held, sequence, leaving), caller);
    return caller;
  };
  return { clock, start, plan, gone, changed, state, hub, call, lines };
}

test('what is newer than what is held is answered at once', () => {
  const { call, hub } = setUp();
  const caller = call('a', {}, 7);
  assert.deepEqual(caller.last, {
    version: 1,
    acknowledged: { stream: 's', sequence: 7 },
    assignment: assignmentOf(1),
  });
  assert.equal(hub.held, 0);
});

test('a request of one who is up to date is held for 15 seconds, and its report acknowledged then', () => {
  const { call, clock, hub } = setUp();
  const caller = call('a', holding(1), 3);
  clock.advance(14_999);
  assert.deepEqual(caller.answers, []);
  assert.equal(hub.held, 1);
  clock.advance(251);
  assert.deepEqual(caller.last, { version: 1, acknowledged: { stream: 's', sequence: 3 } });
  assert.deepEqual([hub.held, clock.pending], [0, 0]);
});

test('a request is held for as long as the agent’s source says, but never longer than 15 seconds', () => {
  const { call, clock, changed } = setUp();
  const usual = call('a', holding(1));
  changed.add('b');
  const short = call('b', holding(1));
  clock.advance(5250);
  assert.deepEqual([usual.answers.length, short.answers.length], [0, 1]);
  assert.ok(short.answers[0]!.at >= 5000);
});

test('agents that were answered together do not stay in step', () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const { call, clock, start } = setUp({ random });
  const callers = Array.from({ length: 100 }, (_, index) => call(`${index}`, holding(1)));
  clock.advance(15_250);
  const times = new Set(callers.map(({ answers }) => answers[0]!.at - start));
  assert.ok(times.size > 8 && Math.min(...times) >= 12_000, `${[...times]}`);
});

test('a change is told to those who wait for it, and to nobody else', () => {
  const { call, clock, plan, hub } = setUp();
  const [a, b] = [call('a', holding(1)), call('b', holding(1))];
  plan.set('a', 2);
  hub.wake(['a', 'b', 'stranger']);
  clock.advance(100);
  assert.equal(a.last?.assignment?.revision, 2);
  assert.deepEqual(b.answers, []);
  assert.equal(hub.held, 1);
});

test('changes within a tenth of a second are one answer', () => {
  const { call, clock, plan, hub, start } = setUp();
  const caller = call('a', holding(1));
  for (let revision = 2; revision <= 10; revision++) {
    plan.set('a', revision);
    hub.wake(['a']);
    clock.advance(10);
  }
  clock.advance(10);
  assert.deepEqual(
    caller.answers.map(({ at, answer }) => [at - start, answer.assignment?.revision]),
    [[100, 10]],
  );
});

test('a change that was taken back meanwhile is no answer', () => {
  const { call, clock, plan, hub } = setUp();
  const caller = call('a', holding(1));
  plan.set('a', 2);
  hub.wake(['a']);
  plan.set('a', 1);
  clock.advance(200);
  assert.deepEqual(caller.answers, []);
});

/** Callers that wait, each answer to which takes 2 ms, and how many are answered in each turn of the clock. */
function crowd(size: number) {
  const { call, clock, plan, state, hub } = setUp();
  const uids = Array.from({ length: size }, (_, index) => `${index}`);
  const callers = uids.map((uid) => call(uid, holding(1)));
  const answered = () => callers.filter(({ answers }) => answers.length > 0).length;
  const turns: number[] = [];
  const monotonic = clock.monotonic.bind(clock);
  clock.monotonic = () => monotonic() + answered() * 2;
  const after = clock.after.bind(clock);
  clock.after = (ms, callback) =>
    after(ms, () => {
      const before = answered();
      callback();
      turns.push(answered() - before);
    });
  const tellNews = () => {
    for (const uid of uids) plan.set(uid, 2);
    hub.wake(uids);
  };
  return { clock, hub, state, uids, callers, answered, turns, tellNews };
}

test('a thousand are answered in turns of 10 ms, so that their next calls come in turns too, each of them once', () => {
  const { clock, callers, turns, tellNews } = crowd(1000);
  tellNews();
  clock.advance(100);
  assert.deepEqual([Math.max(...turns), turns.length], [5, 200]);
  assert.ok(callers.every(({ answers }) => answers.length === 1));
});

test('a thousand whose time is over together are answered in turns of 10 ms', () => {
  const { clock, callers, turns } = crowd(1000);
  clock.advance(15_000);
  assert.equal(Math.max(...turns), 5);
  clock.advance(15_000);
  assert.ok(callers.every(({ answers }) => answers.length === 1));
});

test('a thousand without news are looked through in turns of 10 ms', () => {
  const { clock, hub, state, uids, answered } = crowd(1000);
  const monotonic = clock.monotonic.bind(clock);
  state.asked = 0;
  clock.monotonic = () => monotonic() + state.asked * 2;
  const perTurn: number[] = [];
  const after = clock.after.bind(clock);
  clock.after = (ms, callback) =>
    after(ms, () => {
      const before = state.asked;
      callback();
      perTurn.push(state.asked - before);
    });
  hub.wake(uids);
  clock.advance(100);
  assert.deepEqual([answered(), state.asked, Math.max(...perTurn)], [0, 1000, 5]);
});

test('a hub that closes answers as many as it can within a second, and sends the others to the next leader', () => {
  const { hub, callers, answered, tellNews } = crowd(1000);
  tellNews();
  hub.close();
  assert.equal(answered(), 500);
  assert.ok(callers.every(({ answers, refusals }) => answers.length + refusals.length === 1));
});

test('while nothing is known of a NetExporter, requests are held; what becomes known is told', () => {
  const { call, clock, state, hub } = setUp();
  state.known = false;
  const caller = call('a', {});
  clock.advance(5000);
  assert.deepEqual(caller.answers, []);
  state.known = true;
  hub.wake(['a']);
  clock.advance(100);
  assert.equal(caller.last?.assignment?.revision, 1);
});

test('while nothing becomes known, the end of the hold is answered all the same', () => {
  const { call, clock, state } = setUp();
  state.known = false;
  const caller = call('a', {}, 1);
  clock.advance(15_250);
  assert.deepEqual(caller.last, { version: 1, acknowledged: { stream: 's', sequence: 1 } });
});

test('an agent that refuses what it is offered is offered it again every five seconds, not in a loop', () => {
  const { call, clock, plan, start } = setUp();
  plan.set('a', 1);
  const offered: number[] = [];
  let caller = call('a', holding(9));
  while (clock.monotonic() < start + 30_000) {
    if (caller.last) {
      assert.equal(caller.last.assignment?.revision, 1);
      offered.push(caller.answers[0]!.at - start);
      caller = call('a', holding(9));
    }
    clock.advance(50);
  }
  assert.ok(offered.length >= 6 && offered.length <= 7, `${offered}`);
});

test('what is new since an offer that was refused is told at once', () => {
  const { call, clock, plan, hub } = setUp();
  call('a', holding(9));
  const caller = call('a', holding(9));
  plan.set('a', 10);
  hub.wake(['a']);
  clock.advance(100);
  assert.equal(caller.last?.assignment?.revision, 10);
});

test('an agent that comes back after its connection was lost gets what it may have missed at once', () => {
  const { call, hub, gone } = setUp();
  call('a', {});
  hub.gone(agentOf('a'));
  assert.deepEqual(gone, ['a']);
  assert.equal(call('a', {}).last?.assignment?.revision, 1);
});

test('an agent that is about to end is acknowledged at once and told nothing; what it had asked before ends', () => {
  const { call, plan, hub } = setUp();
  const waiting = call('a', holding(1), 3);
  plan.set('a', 2);
  const last = call('a', holding(1), 4, true);
  assert.deepEqual(waiting.refusals, ['Superseded']);
  assert.deepEqual(last.answers, [
    { at: last.answers[0]!.at, answer: { version: 1, acknowledged: { stream: 's', sequence: 4 } } },
  ]);
  assert.equal(hub.held, 0);
  assert.equal(call('a', holding(1)).last?.assignment?.revision, 2, 'whoever comes after it is told');
});

test('a second request of an agent takes the place of the first', () => {
  const { call, clock, hub } = setUp();
  const first = call('a', holding(1));
  const second = call('a', holding(1), 2);
  assert.deepEqual([first.refusals, hub.held], [['Superseded'], 1]);
  clock.advance(15_250);
  assert.deepEqual([first.answers, second.answers.length], [[], 1]);
});

test('a request whose connection is lost is forgotten', () => {
  const { call, clock, plan, hub } = setUp();
  const caller = call('a', holding(1));
  hub.gone(agentOf('a'));
  plan.set('a', 2);
  hub.wake(['a']);
  clock.advance(20_000);
  assert.deepEqual([caller.answers, caller.refusals, hub.held], [[], [], 0]);
});

test('a hub that closes tells what is still to be told, and sends everyone else to the next leader, also those who come later', () => {
  const { call, clock, plan, hub } = setUp();
  const waiting = call('a', holding(1));
  const told = call('c', holding(1));
  plan.set('c', 2);
  hub.wake(['a', 'c']);
  hub.close();
  assert.deepEqual([told.last?.assignment?.revision, told.refusals], [2, []]);
  const late = call('b', {});
  assert.deepEqual([waiting.refusals, late.refusals], [['Unavailable'], ['Unavailable']]);
  clock.advance(20_000);
  assert.deepEqual([waiting.answers, late.answers, clock.pending], [[], [], 0]);
});

test('an agent for which there is no answer is refused, and logged once: the others are answered when woken and when their time is over', () => {
  const { call, clock, plan, hub, state, lines } = setUp();
  for (let round = 1; round <= 3; round++) {
    const [a, b, c] = ['a', 'b', 'c'].map((uid) => call(uid, holding(plan.get(uid) ?? 1)));
    state.faulty = 'a';
    for (const uid of ['a', 'b']) plan.set(uid, round + 1);
    hub.wake(['a', 'b']);
    clock.advance(100);
    assert.deepEqual([a?.refusals, b?.last?.assignment?.revision], [['Unavailable'], round + 1]);
    const again = call('b', holding(round + 1));
    state.faulty = 'b';
    clock.advance(15_250);
    assert.deepEqual([again.refusals, c?.last], [['Unavailable'], { version: 1 }]);
    state.faulty = '';
  }
  assert.deepEqual([hub.held, clock.pending], [0, 0]);
  assert.equal(lines.length, 2, 'once for each reason');
  assert.match(lines[0]!, /"key":"n\/a","pod":"pod-a".*cannot answer agent/);
});

test('a fault while a new request is taken in or answered is that agent’s, and logged with its NetExporter', () => {
  const { call, hub, state, lines } = setUp();
  state.faulty = 'a';
  const [a, b] = [call('a', {}), call('b', {})];
  assert.deepEqual([a.refusals, a.answers, b.last?.assignment?.revision], [['Unavailable'], [], 1]);
  assert.equal(hub.held, 0);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /"key":"n\/a","pod":"pod-a".*"msg":"cannot answer agent, it will retry"/);
});

test('an answer that cannot be sent is one agent’s, also when the hub closes', () => {
  const { call, clock, plan, hub } = setUp();
  const [a, b] = [call('a', holding(1)), call('b', holding(1))];
  const fail = () => {
    throw new TypeError('it cannot be sent');
  };
  Object.assign(a, { answer: fail, refuse: fail });
  for (const uid of ['a', 'b']) plan.set(uid, 2);
  hub.wake(['a', 'b']);
  hub.close();
  assert.equal(b.last?.assignment?.revision, 2);
  assert.deepEqual([a.answers, hub.held], [[], 0]);
  clock.advance(100);
});
