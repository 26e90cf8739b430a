import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ensure, SingletonReconciler } from '../../../../src/operator/apply/singleton-reconciler.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { OneObjectServer } from '../one-object-server.ts';

const place = { namespace: 'net-exporter-system', name: 'kept' };
const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const withText = (text: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: place, data: { text } });
const textOf = (object: KubeObject | undefined) => (object?.data as { text: string } | undefined)?.text;

/** Wants nothing but the text `right` in it. */
const right: Ensure = async (observed, write) => {
  if (textOf(observed) === 'right') return false;
  await write(withText('right'));
  return true;
};

/** Keeps the object of this server, and writes down what was seen of it each time that it was looked at. */
async function keeping(server: OneObjectServer, mend = right, lookMs?: number) {
  const clock = new FakeClock();
  const end = new AbortController();
  const lines: { level: string; msg: string }[] = [];
  const obstacles: (string | undefined)[] = [];
  const kept = new SingletonReconciler({
    client: server.client,
    ...{ resource, place, clock, random: () => 0.5, ...(lookMs !== undefined && { lookMs }) },
    log: operatorLogger('trace', { write: (line) => lines.push(JSON.parse(line)) }),
    onFault: () => assert.fail('the object can be processed'),
    onObstacle: () => obstacles.push(kept.obstacle),
  });
  const watching = kept.reflector.run(end.signal);
  await kept.reflector.synced;
  const seen: (KubeObject | undefined)[] = [];
  const recorded: Ensure = (observed, write) => {
    seen.push(observed);
    return mend(observed, write);
  };
  const keeps = kept.keep(recorded, end.signal);
  return {
    clock,
    kept,
    seen,
    obstacles,
    warnings: () => lines.filter(({ level, msg }) => level === 'warn' && /cannot (read|write)/.test(msg)),
    /** Moves the clock on, half a second a turn, until the condition holds. */
    waits: (condition: () => boolean, what: string) =>
      until(() => {
        if (condition()) return true;
        clock.advance(500);
        return false;
      }, what),
    stop: async () => {
      end.abort();
      await Promise.all([keeps, watching]);
    },
  };
}

/** Time for whoever could do something without the clock moving on. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

for (const [state, before, writes] of [
  ['made where there is none', undefined, ['create']],
  ['left where it is right', withText('right'), []],
  ['mended where it is wrong', withText('wrong'), ['apply']],
] as const)
  test(`it is ${state}`, async () => {
    const server = new OneObjectServer(place.namespace, place.name);
    if (before) server.put(before);
    const { seen, clock, stop } = await keeping(server);
    await until(() => seen.length > 0 && textOf(server.object) === 'right', 'it is right');
    for (let turn = 0; turn < 10; turn++) {
      clock.advance(3_600_000);
      await someTurns();
    }
    assert.deepEqual(server.writes, writes);
    await stop();
  });

test('while it is right each change is looked at at once, and after a write not for a second', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.put(withText('right'));
  const { seen, clock, stop } = await keeping(server);
  await until(() => seen.length === 1, 'it is looked at');
  server.put(withText('wrong'));
  await until(() => textOf(server.object) === 'right', 'it is mended without the clock');
  server.put(undefined);
  clock.advance(999);
  await someTurns();
  assert.deepEqual(server.writes, ['apply'], 'not yet');
  clock.advance(1);
  await until(() => textOf(server.object) === 'right', 'there is one again');
  assert.deepEqual(server.writes, ['apply', 'create']);
  await stop();
});

test('it is read first, also where the watch is behind, and nothing is done until that has worked', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.put(withText('right'));
  const { kept, clock, seen, obstacles, warnings, waits, stop } = await keeping(server);
  await until(() => seen.length === 1, 'it is looked at');
  server.isSilent = true;
  server.put(withText('newer'));
  server.put(withText('wrong'));
  const list = server.client.list;
  server.client.list = async () => {
    throw new ApiError('Unavailable', 'no answer');
  };
  const term = new AbortController();
  const found: (string | undefined)[] = [];
  const keeps = kept.keep((observed, write) => {
    found.push(textOf(observed));
    return right(observed, write);
  }, term.signal);
  await until(() => warnings().length === 1, 'it cannot be read');
  assert.deepEqual([found, obstacles], [[], []], 'that may pass');
  await waits(() => obstacles.length === 1, 'it cannot be read again');
  assert.deepEqual([found, obstacles], [[], ['cannot read ConfigMap kept: no answer']]);
  server.client.list = list;
  await waits(() => found.length > 0 && textOf(server.object) === 'right', 'it is made right');
  assert.deepEqual([found[0], obstacles.at(-1), server.writes], ['wrong', undefined, ['apply']]);
  term.abort();
  await keeps;
  clock.advance(0);
  await stop();
});

test('a change during a look is not missed', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.put(withText('right'));
  const looks: (() => void)[] = [];
  const { seen, stop } = await keeping(server, async (...given) => {
    await new Promise<void>((resolve) => looks.push(resolve));
    return right(...given);
  });
  await until(() => looks.length === 1, 'it is looked at');
  server.put(withText('wrong'));
  await someTurns();
  looks[0]?.();
  await until(() => looks.length === 2, 'it is looked at again');
  assert.deepEqual(seen.map(textOf), ['right', 'wrong']);
  looks[1]?.();
  await until(() => textOf(server.object) === 'right', 'it is mended');
  await stop();
});

test('what has been written counts while the watch is behind', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.put(withText('wrong'));
  server.isSilent = true;
  const { seen, clock, stop } = await keeping(server);
  await until(() => textOf(server.object) === 'right' && clock.pending > 0, 'it is mended');
  clock.advance(1000);
  await until(() => seen.length === 2, 'it is looked at again');
  assert.deepEqual(seen.map(textOf), ['wrong', 'right']);
  server.speak();
  await until(() => seen.length === 3, 'it is looked at once more');
  assert.deepEqual(server.writes, ['apply']);
  await stop();
});

test('what had been written before etcd was restored counts no more', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  const backup = server.put(withText('wrong'));
  const { seen, waits, stop } = await keeping(server);
  await waits(() => textOf(server.object) === 'right', 'it is mended');
  server.put(withText('wrong again'));
  await someTurns();
  server.isSilent = true;
  await waits(() => textOf(server.object) === 'right', 'it is mended, which the watch does not tell');
  await waits(() => textOf(seen.at(-1)) === 'right', 'it is found so');
  server.restore(backup);
  await waits(() => textOf(server.object) === 'right', 'it is mended once more');
  assert.deepEqual(server.writes, ['apply', 'apply', 'apply']);
  await stop();
});

for (const [write, before] of [
  ['apply', withText('wrong')],
  ['create', undefined],
] as const)
  test(`what has come during a look is not written over by the ${write} of what was seen before`, async () => {
    const server = new OneObjectServer(place.namespace, place.name);
    if (before) server.put(before);
    const { seen, obstacles, warnings, waits, stop } = await keeping(server, async (observed, write) => {
      if (textOf(observed) === 'of someone else') return false;
      if (server.object) server.put(undefined);
      server.put(withText('of someone else'));
      await write(withText('right'));
      return true;
    });
    await waits(() => textOf(seen.at(-1)) === 'of someone else', 'it is looked at again');
    assert.ok(server.writes.length > 0 && server.writes.every((verb) => verb === write));
    assert.equal(textOf(server.object), 'of someone else');
    assert.deepEqual([warnings(), obstacles], [[], []], 'nobody has to do anything');
    await stop();
  });

test('what the API server refuses is tried again, ever more rarely, and told once for each reason', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.failure = new ApiError('Forbidden', 'no');
  const { kept, clock, waits, warnings, obstacles, stop } = await keeping(server);
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 8; attempt++) {
    await until(() => server.writes.length === attempt && clock.pending > 0, `attempt ${attempt} has failed`);
    delays.push(clock.next!);
    clock.advance(clock.next!);
  }
  assert.deepEqual(
    delays,
    delays.toSorted((a, b) => a - b),
  );
  assert.ok(delays[0]! <= 500 && delays[7]! > 2500 && delays[7]! <= 10_000, String(delays));
  assert.equal(kept.obstacle, 'cannot write ConfigMap kept: no');
  assert.equal(warnings().length, 1);
  assert.deepEqual(obstacles, [kept.obstacle]);
  server.failure = new ApiError('Forbidden', 'not today');
  await waits(() => warnings().length === 2, 'the other reason is told');
  server.failure = undefined;
  await waits(() => kept.obstacle === undefined, 'nothing is in the way');
  assert.deepEqual(obstacles.slice(1), ['cannot write ConfigMap kept: not today', undefined]);
  assert.equal(textOf(server.object), 'right');
  server.failure = new ApiError('Forbidden', 'no');
  server.put(undefined);
  await waits(() => warnings().length === 3, 'it is told again when it has come back');
  await stop();
});

test('it is looked at from time to time where something else than the object may be news', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  server.put(withText('right'));
  const { seen, clock, stop } = await keeping(server, right, 60_000);
  for (let looks = 1; looks <= 3; looks++) {
    await until(() => seen.length === looks && clock.pending > 0, `look ${looks}`);
    clock.advance(59_999);
    await someTurns();
    assert.equal(seen.length, looks, 'not yet');
    clock.advance(1);
  }
  await stop();
});

test('whatever it waits for, it ends when it is told to', async () => {
  for (const [before, failure] of [
    [withText('right'), undefined],
    [withText('wrong'), undefined],
    [withText('wrong'), new ApiError('Forbidden', 'no')],
  ] as const) {
    const server = new OneObjectServer(place.namespace, place.name);
    server.put(before);
    server.failure = failure;
    const { seen, stop } = await keeping(server);
    await until(() => seen.length === 1, 'it is looked at');
    await someTurns();
    await stop();
    const { length } = seen;
    server.put(undefined);
    await someTurns();
    assert.equal(seen.length, length);
  }
});

test('a look that is given up at the end is no failure', async () => {
  const server = new OneObjectServer(place.namespace, place.name);
  const { promise, reject } = Promise.withResolvers<boolean>();
  const { seen, kept, warnings, stop } = await keeping(server, () => promise);
  await until(() => seen.length === 1, 'it is looked at');
  const stopped = stop();
  reject(new Error('the operator is stopping'));
  await stopped;
  assert.deepEqual([warnings(), kept.obstacle], [[], undefined]);
});
