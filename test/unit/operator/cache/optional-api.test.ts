import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionalApi } from '../../../../src/operator/cache/optional-api.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import type { ListPage, WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const resource = { group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor', plural: 'podmonitors' };
const notFound = () => new ApiError('NotFound', 'the server could not find the requested resource', { status: 404 });

/** An API server that serves the kind, with one object of it, while `state.served` says so. */
function setUp(state: { served: boolean; refusal?: ApiError; forbidden?: boolean }) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const changes: boolean[] = [];
  let endWatch = () => {};
  const kind = new OptionalApi({
    store: new Store(),
    client: {
      served: async () => {
        calls.push('served');
        if (state.refusal) throw state.refusal;
        if (!state.served) throw notFound();
        return [{ name: 'podmonitors', verbs: ['create', 'list', 'watch'] }];
      },
      list: async (): Promise<ListPage> => {
        calls.push('list');
        if (state.forbidden) throw new ApiError('Forbidden', 'no', { status: 403 });
        if (!state.served) throw notFound();
        const metadata = { name: 'a', namespace: 'n', uid: 'm1', resourceVersion: '5' };
        return { metadata: { resourceVersion: '7' }, items: [{ apiVersion: '', kind: '', metadata }] };
      },
      watch: async (_resource, _query, _idle, signal): Promise<AsyncIterable<WatchEvent>> => {
        calls.push('watch');
        if (state.forbidden) throw new ApiError('Forbidden', 'no', { status: 403 });
        if (!state.served) throw notFound();
        const nothing = new Promise<WatchEvent[]>((resolve) => {
          endWatch = () => resolve([]);
          signal.addEventListener('abort', endWatch);
        });
        return (async function* () {
          yield* await nothing;
        })();
      },
    },
    resource,
    labelSelector: 'x=y',
    clock,
    random: () => 0.5,
    log: quietLog,
    onFault: () => assert.fail('every object can be processed'),
    transform: (object) => object,
    onChange: () => changes.push(kind.available),
  });
  const end = new AbortController();
  const running = kind.run(end.signal);
  return {
    kind,
    clock,
    calls,
    changes,
    endWatch: () => endWatch(),
    stop: async () => {
      end.abort();
      await running;
    },
  };
}

test('where the kind is served its objects are followed', async () => {
  const { kind, calls, changes, stop } = setUp({ served: true });
  await kind.settled;
  assert.equal(kind.available, true);
  assert.equal(kind.store.get('n/a')?.kind, 'PodMonitor');
  await until(() => calls.length === 3, 'the watch runs');
  assert.deepEqual([calls, changes], [['served', 'list', 'watch'], [true]]);
  await stop();
});

test('where it is not, it is asked for now and then, and followed when it comes', async () => {
  const state = { served: false };
  const { kind, calls, changes, clock, stop } = setUp(state);
  await kind.settled;
  assert.equal(kind.available, false);
  await until(() => clock.pending === 1, 'it waits');
  assert.equal(clock.next, 10_000);
  clock.advance(10_000);
  await until(() => calls.length === 2 && clock.pending === 1, 'it has asked again');
  assert.deepEqual([calls, changes], [['served', 'served'], []]);
  state.served = true;
  clock.advance(10_000);
  await until(() => kind.available, 'it is available');
  assert.deepEqual(changes, [true]);
  await stop();
});

test('when it goes while it is watched, nothing is left of it, nothing fails, and it is looked for again', async () => {
  const state = { served: true };
  const { kind, calls, changes, clock, endWatch, stop } = setUp(state);
  await until(() => calls.includes('watch') && kind.available, 'it is watched');
  const gone: unknown[] = [];
  kind.store.onChange(({ key, after }) => gone.push([key, after]));
  state.served = false;
  clock.advance(5000);
  endWatch();
  await until(() => clock.pending === 2, 'the reflector pauses before it watches again');
  clock.advance(1000);
  await until(() => !kind.available, 'it is gone');
  assert.deepEqual([gone, changes], [[['n/a', undefined]], [true, false]]);
  const asked = calls.length;
  state.served = true;
  await until(() => clock.pending === 1, 'only the look-out waits: the reflector has ended');
  clock.advance(10_000);
  await until(() => kind.available, 'it is back');
  assert.equal(calls[asked], 'served');
  await stop();
});

test('whoever is told that it is not served ends the watch at once', async () => {
  const { kind, changes, stop } = setUp({ served: true });
  await kind.settled;
  kind.lost();
  kind.lost();
  assert.deepEqual([kind.available, kind.store.size, changes], [false, 0, [true, false]]);
  await stop();
});

const refusals = {
  'no answer': new ApiError('Unavailable', 'away'),
  '503': new ApiError('Unavailable', 'apiserver is shutting down', { status: 503 }),
  '429': new ApiError('TooManyRequests', 'too many', { status: 429 }),
  '401': new ApiError('Unauthorized', 'Unauthorized', { status: 401 }),
  '403': new ApiError('Forbidden', 'cannot get path "/apis/monitoring.coreos.com/v1"', { status: 403 }),
};

for (const how of ['no answer', '503', '429'] as const)
  test(`with ${how} to the discovery, the operator starts after ten seconds without the API, and uses it once there is an answer`, async () => {
    const state: { served: boolean; refusal?: ApiError } = { served: true, refusal: refusals[how] };
    const { kind, clock, calls, changes, stop } = setUp(state);
    let settled = false;
    void kind.settled.then(() => {
      settled = true;
    });
    await clock.advanceAsync(9000);
    assert.ok(calls.length > 5, 'it asks again and again');
    assert.equal(settled, false);
    await clock.advanceAsync(1000);
    assert.equal(settled, true);
    assert.deepEqual([kind.available, kind.isAbsent, kind.denial], [false, false, undefined]);
    delete state.refusal;
    await clock.advanceAsync(1000);
    await until(() => kind.available, 'it is available');
    assert.deepEqual(changes, [true]);
    await stop();
  });

for (const how of ['401', '403'] as const)
  test(`with ${how} to the discovery, the operator starts at once, and says what it may not know until it may`, async () => {
    const state: { served: boolean; refusal?: ApiError } = { served: true, refusal: refusals[how] };
    const { kind, clock, changes, stop } = setUp(state);
    await kind.settled;
    assert.deepEqual([kind.available, kind.isAbsent], [false, false]);
    assert.match(
      kind.denial!,
      /^cannot find out whether podmonitors\.monitoring\.coreos\.com is served: .*system:discovery/,
    );
    assert.deepEqual(kind.notices, [kind.denial]);
    delete state.refusal;
    await clock.advanceAsync(10_000);
    await until(() => kind.available, 'it is available');
    assert.deepEqual([kind.denial, changes.at(-1)], [undefined, true]);
    await stop();
  });

for (const [how, refusal] of Object.entries(refusals))
  test(`with ${how} to a later discovery, nothing that is known is given up`, async () => {
    const state: { served: boolean; refusal?: ApiError } = { served: false };
    const { kind, clock, calls, changes, stop } = setUp(state);
    await kind.settled;
    state.refusal = refusal;
    const asked = calls.length;
    await clock.advanceAsync(30_000);
    assert.ok(calls.length > asked);
    const isDenied = how === '401' || how === '403';
    assert.equal(kind.denial !== undefined, isDenied);
    assert.equal(kind.isAbsent, !isDenied);
    assert.deepEqual(changes, isDenied ? [false] : []);
    await stop();
  });

test('without the right to list it the operator starts without it, says so, and uses it once it has the right', async () => {
  const state = { served: true, forbidden: true };
  const { kind, clock, stop } = setUp(state);
  await kind.settled;
  assert.equal(kind.available, false);
  assert.equal(kind.denial, 'cannot list and watch podmonitors.monitoring.coreos.com: no');
  state.forbidden = false;
  await clock.advanceAsync(5000);
  await until(() => kind.available, 'it is available');
  assert.equal(kind.denial, undefined);
  await stop();
});

test('when the right to watch is taken away, the objects stay known, but none is created or deleted', async () => {
  const state = { served: true, forbidden: false };
  const { kind, calls, clock, endWatch, stop } = setUp(state);
  await until(() => calls.includes('watch') && kind.available, 'it is watched');
  state.forbidden = true;
  endWatch();
  await clock.advanceAsync(5000);
  await until(() => kind.denial !== undefined, 'it is noticed');
  assert.deepEqual([kind.available, kind.isAbsent, kind.store.size], [false, false, 1]);
  await stop();
});
