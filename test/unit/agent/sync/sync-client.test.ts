import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncClient } from '../../../../src/agent/sync/sync-client.ts';
import { SyncError } from '../../../../src/agent/sync/sync-error.ts';
import {
  decodeSyncRequest,
  encodeSyncAnswer,
  type Held,
  holdMs,
  type SyncAnswer,
  syncServerName,
} from '../../../../src/protocol/sync.ts';
import type { SyncAccess } from '../../../../src/protocol/sync-access.ts';
import { FakeClock } from '../../fake-clock.ts';

const access: SyncAccess = { version: 1, addresses: ['10.0.0.1:8443'], serverName: syncServerName, ca: 'PEM' };
const empty = encodeSyncAnswer({ version: 1 });

/** A client and an operator that does with each request what the test says. */
function setUp() {
  const clock = new FakeClock();
  const state = {
    operator: async (_signal: AbortSignal): Promise<string> => empty,
    news: false,
    asked: [] as number[],
    askedAt: [] as SyncAccess[],
    answers: [] as SyncAnswer[],
    results: [] as string[],
    logged: [] as string[],
    closed: 0,
    rejected: 0,
    requestFails: false,
    held: {} as Held,
    /** What is left to say at the end, and how much of it was heard. */
    last: 0,
    posted: [] as string[],
  };
  const client = new SyncClient({
    connection: {
      post: (where, body, signal) => {
        state.posted.push(body);
        state.asked.push(clock.monotonic());
        state.askedAt.push(where);
        return state.operator(signal);
      },
      close: () => state.closed++,
    },
    dialogue: {
      request: () => {
        if (state.requestFails) throw new Error('no memory left');
        return { version: 1, held: state.held };
      },
      answered: (_, answer) => {
        state.answers.push(answer);
        return state.news;
      },
      rejected: () => state.rejected++,
      lastRequest: () => (state.last > 0 ? { version: 1, held: {}, leaving: true } : undefined),
      lastAnswered: ({ acknowledged }) => {
        if (acknowledged) state.last--;
        return acknowledged !== undefined;
      },
    },
    events: { requested: (result) => state.results.push(result) },
    clock,
    random: () => 0.5,
    log: (level, msg, fields) =>
      state.logged.push(`${level} ${msg} ${fields?.code ?? ''} ${fields?.reason ?? ''}`.trim()),
  });
  return { clock, client, state };
}

/** As the operator at rest: nothing to say until the hold is over. */
const holds = (clock: FakeClock) => () => new Promise<string>((answer) => clock.after(holdMs, () => answer(empty)));

test('without an access nobody is asked', async () => {
  const { clock, client, state } = setUp();
  client.use(undefined);
  await clock.advanceAsync(60_000);
  assert.deepEqual(state.asked, []);
  assert.equal(clock.pending, 0);
});

test('the operator is asked at once and again as soon as it has answered, one request at a time', async () => {
  const { clock, client, state } = setUp();
  state.operator = holds(clock);
  client.use(access);
  await clock.advanceAsync(60_000);
  assert.deepEqual(state.asked, [0, 15_000, 30_000, 45_000, 60_000]);
  assert.equal(state.answers.length, 4);
  assert.deepEqual(state.logged, ['info in sync with the operator']);
});

test('the first request says what is held once whoever told the access is through', async () => {
  const { clock, client, state } = setUp();
  client.use(access);
  state.held = { assignment: { uid: 'uid-1', epoch: 2, revision: 5 } };
  await clock.advanceAsync(0);
  assert.deepEqual(
    state.posted.map((body) => decodeSyncRequest(body).held),
    [state.held],
  );
});

test('an access that is gone again at once is not used', async () => {
  const { clock, client, state } = setUp();
  client.use(access);
  client.use(undefined);
  await clock.advanceAsync(60_000);
  assert.deepEqual(state.asked, []);
});

test('news are followed by the next request at once, so that the operator knows', async () => {
  const { clock, client, state } = setUp();
  state.news = true;
  state.operator = async () => {
    state.operator = holds(clock);
    return empty;
  };
  client.use(access);
  await clock.advanceAsync(1000);
  assert.deepEqual(state.asked, [0, 100]);
});

test('an operator that answers at once and says nothing new, or what is older, is not asked in a circle', async () => {
  const { clock, client, state } = setUp();
  client.use(access);
  await clock.advanceAsync(60_000);
  assert.ok(state.asked.length < 30, `${state.asked.length} requests`);
  assert.ok(state.asked.length > 12);
});

test('trouble is counted each time, written about once, and ends with the next answer', async () => {
  const { clock, client, state } = setUp();
  state.operator = () => Promise.reject(new SyncError('untrusted', 'certificate has expired'));
  client.use(access);
  await clock.advanceAsync(600_000);
  assert.ok(
    state.results.length > 100 && state.results.length < 220,
    `${state.results.length} requests in ten minutes`,
  );
  assert.ok(state.results.every((result) => result === 'untrusted'));
  assert.deepEqual(state.logged, [
    'warn cannot sync with the operator, keeping the current settings and peers untrusted certificate has expired',
  ]);
  state.operator = holds(clock);
  await clock.advanceAsync(30_000);
  assert.equal(state.results.at(-1), 'ok');
  assert.deepEqual(state.logged.slice(1), ['info in sync with the operator']);
});

test('an operator that comes and goes is written about once a minute at most', async () => {
  const { clock, client, state } = setUp();
  let times = 0;
  state.operator = async () => {
    if (times++ % 2 === 0) throw new SyncError('unreachable', 'ECONNREFUSED');
    return empty;
  };
  client.use(access);
  await clock.advanceAsync(600_000);
  assert.ok(state.results.length > 100);
  assert.ok(state.logged.length <= 11, `${state.logged.length} lines`);
});

test('what cannot be understood is no answer, and who says it is asked less often', async () => {
  for (const garbage of ['', 'null', '[]', '{"version":2}', '{"version":1,"settings":{"version":1}}', '<html>']) {
    const { clock, client, state } = setUp();
    state.operator = async () => garbage;
    client.use(access);
    await clock.advanceAsync(60_000);
    assert.ok(state.results.length < 30 && state.results.every((result) => result === 'malformed'), garbage);
    assert.deepEqual([state.answers.length, state.logged.length], [0, 1]);
  }
});

test('a fault of the agent ends neither the process nor the dialogue', async () => {
  const { clock, client, state } = setUp();
  state.requestFails = true;
  client.use(access);
  await clock.advanceAsync(10_000);
  assert.equal(state.results[0], 'fault');
  state.requestFails = false;
  state.operator = holds(clock);
  await clock.advanceAsync(30_000);
  assert.equal(state.results.at(-1), 'ok');
});

test('the first to leave a leader that stops does not wait long, and no two agents come back together', async () => {
  const { clock, client, state } = setUp();
  state.operator = () => Promise.reject(new SyncError('unavailable', 'HTTP status 503', 1000));
  client.use(access);
  await clock.advanceAsync(10_000);
  assert.deepEqual(state.asked.slice(0, 4), [0, 1000, 2000, 3000]);
});

test('another access counts from the next request on, which is made at once where the one before was in vain', async () => {
  const { clock, client, state } = setUp();
  state.operator = () => Promise.reject(new SyncError('unreachable', 'ECONNREFUSED'));
  client.use(access);
  await clock.advanceAsync(60_000);
  const before = state.asked.length;
  client.use(structuredClone(access));
  await clock.advanceAsync(0);
  assert.equal(state.asked.length, before, 'the same again is no reason to ask');
  state.operator = holds(clock);
  const moved = { ...access, addresses: ['10.0.0.2:8443'] };
  client.use(moved);
  await clock.advanceAsync(0);
  assert.equal(state.asked.length, before + 1);
  assert.equal(state.askedAt.at(-1), moved);
  client.use(access);
  await clock.advanceAsync(holdMs - 1);
  assert.equal(state.asked.length, before + 1, 'a request under way goes on');
  await clock.advanceAsync(1);
  assert.equal(state.askedAt.at(-1), access);
  assert.equal(state.closed, 0);
});

test('without an access from now on, the request under way is given up and nothing is left', async () => {
  const { clock, client, state } = setUp();
  const signals: AbortSignal[] = [];
  state.operator = (signal) => {
    signals.push(signal);
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  };
  client.use(access);
  await clock.advanceAsync(0);
  client.use(undefined);
  await clock.advanceAsync(60_000);
  assert.deepEqual([signals.length, signals[0]?.aborted, state.closed, clock.pending], [1, true, 1, 0]);
  assert.deepEqual([state.results, state.logged], [[], []]);
  client.use(access);
  await clock.advanceAsync(0);
  assert.equal(state.asked.length, 2, 'and it can begin again');
  client.use(undefined);
});

test('an answer that comes after the end is not taken', async () => {
  const { clock, client, state } = setUp();
  const late = Promise.withResolvers<string>();
  state.operator = () => late.promise;
  client.use(access);
  await clock.advanceAsync(0);
  client.use(undefined);
  late.resolve(empty);
  await clock.advanceAsync(0);
  assert.deepEqual([state.answers, state.results], [[], []]);
});

const acknowledged = encodeSyncAnswer({ version: 1, acknowledged: { stream: 'a', sequence: 1 } });
const never = (signal: AbortSignal) =>
  new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

test('at the end a request that is held is given up, and what is left is said, one after the other, until all is heard', async () => {
  const { clock, client, state } = setUp();
  state.operator = never;
  client.use(access);
  await clock.advanceAsync(1000);
  state.operator = async () => acknowledged;
  state.last = 2;
  await client.finish(2000);
  assert.deepEqual(
    state.posted.map((body) => JSON.parse(body).leaving),
    [undefined, true, true],
  );
  assert.deepEqual([state.last, state.results, state.logged, clock.pending], [0, ['ok', 'ok'], [], 0]);
  await clock.advanceAsync(60_000);
  assert.equal(state.posted.length, 3, 'and no more is asked');
  assert.ok(state.closed > 0);
});

test('at the end nobody is asked where nothing is left to say, or where there is no operator', async () => {
  const { clock, client, state } = setUp();
  await client.finish(2000);
  state.last = 1;
  await client.finish(2000);
  assert.deepEqual(state.posted, []);
  state.operator = never;
  client.use(access);
  await clock.advanceAsync(1000);
  state.last = 0;
  await client.finish(2000);
  assert.deepEqual([state.posted.length, clock.pending, state.logged], [1, 0, []]);
});

test('at the end an operator that never answers, and one that acknowledges nothing, is asked once, within the time', async () => {
  const { clock, client, state } = setUp();
  state.operator = never;
  state.last = 1;
  client.use(access);
  await clock.advanceAsync(0);
  const finished = client.finish(2000);
  await clock.advanceAsync(1999);
  assert.deepEqual(state.results, []);
  await clock.advanceAsync(1);
  await finished;
  assert.deepEqual([state.posted.length, state.results, clock.pending], [2, ['timeout'], 0]);
  assert.deepEqual(state.logged, ['warn final report not delivered timeout no response within 2000 ms']);

  for (const [operator, result] of [
    [async () => empty, 'ok'],
    [async () => 'garbage', 'malformed'],
    [() => Promise.reject(new SyncError('unavailable', 'HTTP status 503', 1000)), 'unavailable'],
  ] as const) {
    const other = setUp();
    other.state.operator = never;
    other.state.last = 1;
    other.client.use(access);
    await other.clock.advanceAsync(0);
    other.state.operator = operator;
    await other.client.finish(2000);
    assert.deepEqual([other.state.posted.length, other.state.results, other.clock.pending], [2, [result], 0]);
  }
});

test('a request that the operator rejects as invalid is not sent again as it is', async () => {
  const { clock, client, state } = setUp();
  for (const code of ['invalid', 'refused', 'unreachable', 'unauthorized'] as const) {
    state.operator = async () => {
      state.operator = holds(clock);
      throw new SyncError(code, 'HTTP status 400');
    };
    client.use(access);
    await clock.advanceAsync(60_000);
    client.use(undefined);
    await clock.advanceAsync(60_000);
  }
  assert.equal(state.rejected, 1);
});

test('an agent that is asked to slow down sends nothing before the time that Retry-After says', async () => {
  const { clock, client, state } = setUp();
  state.operator = async () => {
    state.operator = holds(clock);
    throw new SyncError('refused', 'HTTP status 429', 7000);
  };
  client.use(access);
  await clock.advanceAsync(30_000);
  const [first, second] = state.asked as [number, number];
  assert.ok(second - first >= 7000 && second - first <= 14_000, `${second - first}`);
  client.use(undefined);
});
