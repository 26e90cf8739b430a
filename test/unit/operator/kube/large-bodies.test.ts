import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LargeBodies } from '../../../../src/operator/kube/large-bodies.ts';
import { until } from '../../fake-clock.ts';

const piece = Buffer.alloc(256 * 1024, 'x');
const never = new AbortController().signal;

/** A body of this many pieces, which ends when the test says so. */
function body(pieces: number) {
  const finish = Promise.withResolvers<void>();
  let taken = 0;
  async function* read() {
    for (; taken < pieces; taken++) yield piece;
    await finish.promise;
  }
  return { stream: read(), taken: () => taken, end: finish.resolve, fail: finish.reject };
}

const large = 8;
const start = (bodies: LargeBodies, { stream }: ReturnType<typeof body>, signal = never) =>
  bodies.read(stream, 16 * 1024 * 1024, (text) => text.length, signal);

test('two large responses are read at a time, in order, and small ones without a wait', async () => {
  const bodies = new LargeBodies();
  const sent = Array.from({ length: 4 }, () => body(large));
  const results = sent.map((each) => start(bodies, each));
  await until(() => sent[0]!.taken() === large && sent[1]!.taken() === large, 'two are read');
  for (let n = 0; n < 20; n++) await turn();
  // The fourth piece makes a megabyte.
  assert.deepEqual([sent[2]!.taken(), sent[3]!.taken()], [3, 3]);
  const small = body(2);
  small.end();
  assert.equal(await start(bodies, small), 2 * piece.length);
  sent[1]!.end();
  assert.equal(await results[1], large * piece.length);
  await until(() => sent[2]!.taken() === large, 'the next one is read');
  assert.equal(sent[3]!.taken(), 3);
  sent[0]!.fail(new Error('broken off'));
  await assert.rejects(results[0]!, /broken off/);
  await until(() => sent[3]!.taken() === large, 'also after a failure');
  sent[2]!.end();
  sent[3]!.end();
  assert.deepEqual(await Promise.all(results.slice(2)), [large * piece.length, large * piece.length]);
});

test('whoever gives up while waiting takes no place', async () => {
  const bodies = new LargeBodies();
  const sent = Array.from({ length: 4 }, () => body(large));
  const [first, second] = sent.slice(0, 2).map((each) => start(bodies, each));
  await until(() => sent[1]!.taken() === large, 'both places are taken');
  const end = new AbortController();
  const third = start(bodies, sent[2]!, end.signal);
  const fourth = start(bodies, sent[3]!);
  await until(() => sent[2]!.taken() === 3, 'it waits');
  end.abort(new Error('timeout'));
  await assert.rejects(third, /timeout/);
  for (const each of sent) each.end();
  assert.deepEqual(await Promise.all([first, second, fourth]), Array(3).fill(large * piece.length));
  const signal = AbortSignal.abort(new Error('ended'));
  await assert.rejects(start(bodies, body(large), signal), /ended/);
});

test('a response that is too large for its caller gives its place back', async () => {
  const bodies = new LargeBodies();
  for (let n = 0; n < 4; n++)
    await assert.rejects(bodies.read(body(large).stream, piece.length * 5, String, never), { code: 'TooLarge' });
});
