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
