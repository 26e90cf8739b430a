import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionalApi } from '../../../../src/operator/cache/optional-api.ts';
import type { ListPage, WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const resource = { group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor', plural: 'podmonitors' };
const notFound = () => new ApiError('NotFound', 'the server could not find the requested resource', { status: 404 });

/** An API server that serves the kind, with one object of it, while `state.served` says so. */
function setUp(state: { served: boolean; away?: boolean; forbidden?: boolean }) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const changes: boolean[] = [];
  let endWatch = () => {};
  const kind = new OptionalApi({
    client: {
      served: async () => {
        calls.push('served');
        if (state.away) throw new ApiError('Unavailable', 'away');
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

test('an API server that does not answer leaves open whether it is there, and is asked again soon', async () => {
  const state = { served: true, away: true };
  const { kind, clock, calls, stop } = setUp(state);
  let settled = false;
  void kind.settled.then(() => {
    settled = true;
  });
  await until(() => calls.length === 1 && clock.pending === 1, 'it waits');
  assert.equal(clock.next, 1000);
  assert.equal(settled, false);
  state.away = false;
  clock.advance(1000);
  await until(() => kind.available, 'it is available');
  await stop();
});

test('without the right to list it the operator starts without it', async () => {
  const { kind, stop } = setUp({ served: true, forbidden: true });
  await kind.settled;
  assert.equal(kind.available, false);
  await stop();
});
