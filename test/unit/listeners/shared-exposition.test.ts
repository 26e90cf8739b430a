import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { agentHttpLimits } from '../../../src/listeners/listener-limits.ts';
import { type ExpositionBody, SharedExposition } from '../../../src/listeners/shared-exposition.ts';
import { FakeClock } from '../fake-clock.ts';

function setUp({ fails = false } = {}) {
  const clock = new FakeClock();
  const seen = { renders: 0, failures: [] as string[] };
  const render = async () => {
    seen.renders++;
    if (fails) throw new Error(`failure ${seen.renders}`);
    return { text: `a_total ${seen.renders}\n`, contentType: 'text/plain' };
  };
  const shared = new SharedExposition({
    render,
    failed: ({ message }) => seen.failures.push(message),
    unread: assert.fail,
    limits: agentHttpLimits.unread,
    clock,
  });
  return { clock, seen, shared };
}

/** As for a response that is sent at once. */
function bytesOf(body: ExpositionBody | undefined, form: 'plain' | 'gzip'): Buffer {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const bytes = body!.bytesFor(response, form);
  response.emit('close');
  return bytes;
}

test('a thousand scrapes within a second cost one rendering and one compression', async () => {
  const { clock, seen, shared } = setUp();
  const bodies = await Promise.all(Array.from({ length: 1000 }, () => shared.get()));
  clock.advance(999);
  bodies.push(await shared.get());
  assert.equal(seen.renders, 1);
  assert.equal(new Set(bodies.map((body) => bytesOf(body, 'plain'))).size, 1);
  assert.equal(new Set(bodies.map((body) => bytesOf(body, 'gzip'))).size, 1);
  assert.equal(gunzipSync(bytesOf(bodies[0], 'gzip')).toString(), 'a_total 1\n');
});

test('after a second the next scrape has new values, and nothing is kept until then', async () => {
  const { clock, shared } = setUp();
  await shared.get();
  assert.equal(clock.pending, 1);
  clock.advance(1000);
  assert.equal(clock.pending, 0, 'without a scrape there is nothing to do');
  assert.equal(bytesOf(await shared.get(), 'plain').toString(), 'a_total 2\n');
});

test('a failure costs one rendering a second too, and is said once for each', async () => {
  const { clock, seen, shared } = setUp({ fails: true });
  for (let second = 1; second <= 3; second++) {
    const bodies = await Promise.all(Array.from({ length: 100 }, () => shared.get()));
    assert.deepEqual(new Set(bodies), new Set([undefined]));
    clock.advance(1000);
  }
  assert.deepEqual([seen.renders, seen.failures], [3, ['failure 1', 'failure 2', 'failure 3']]);
});

/** 200 pieces of which each takes a millisecond; `rendered` says how many there were in each slice. */
function setUpSlices() {
  const clock = new FakeClock();
  const rendered = [0];
  function* pieces() {
    for (let number = 0; number < 200; number++) {
      clock.advance(1);
      rendered[rendered.length - 1]!++;
      yield number % 2 === 0 ? `a ${number}\n`.repeat(1000) : Promise.resolve(`b ${number}\n`);
    }
  }
  const shared = new SharedExposition({
    render: async () => ({ text: pieces(), contentType: 'text/plain' }),
    failed: assert.fail,
    unread: assert.fail,
    limits: agentHttpLimits.unread,
    clock: {
      monotonic: () => clock.monotonic(),
      after: (ms, callback) => {
        if (ms > 0) return clock.after(ms, callback);
        rendered.push(0);
        setImmediate(callback);
        return () => {};
      },
    },
  });
  return { rendered, shared };
}

test('pieces are rendered for five milliseconds, then everything else has its turn', async () => {
  const { rendered, shared } = setUpSlices();
  const bodies = await Promise.all([shared.get(), shared.get('gzip'), shared.get()]);
  assert.equal(new Set(bodies.map((body) => bytesOf(body, 'plain'))).size, 1, 'scrapes meanwhile share one rendering');
  assert.equal(
    rendered.reduce((sum, count) => sum + count),
    200,
  );
  assert.ok(Math.max(...rendered) <= 5, `${rendered}`);
  const text = bytesOf(bodies[0], 'plain').toString();
  const expected = Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? `a ${n}\n`.repeat(1000) : `b ${n}\n`)).join('');
  assert.equal(text, expected);
  assert.equal(gunzipSync(bytesOf(bodies[1], 'gzip')).toString(), expected);
});

test('a response that has closed while the metrics were rendered keeps nothing in memory', async () => {
  const { shared } = setUpSlices();
  const body = await shared.get('gzip');
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.destroy();
  await new Promise((resolve) => response.once('close', resolve));
  for (const form of ['plain', 'gzip'] as const) body!.bytesFor(response, form);
  assert.equal(shared.unreadBytes, 0);
});
