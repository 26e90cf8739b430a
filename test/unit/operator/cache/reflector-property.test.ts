import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Reflector } from '../../../../src/operator/cache/reflector.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import type { ListPage, WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };

/** What happens at the server, in order. */
type Step =
  | { do: 'set' | 'delete'; name: string }
  /** Every watch that runs breaks, or ends, or is told again what it was told first, or is told a version only. */
  | { do: 'break' | 'end' | 'repeat' | 'bookmark' }
  /** Versions before the present one are forgotten. */
  | { do: 'compact' }
  /**
   * Everything is as it was at first, before any object, and goes on from there; watches break, as the server is
   * started anew.
   */
  | { do: 'restore' }
  /** The next list or page fails. */
  | { do: 'fail-list'; code: 'Unavailable' | 'Gone' };

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: name.map((name): Step => ({ do: 'set', name })) },
  { weight: 2, arbitrary: name.map((name): Step => ({ do: 'delete', name })) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Step>({ do: 'break' }, { do: 'end' }, { do: 'repeat' }, { do: 'bookmark' }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'compact' }, { do: 'restore' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>({ do: 'fail-list', code: 'Unavailable' }, { do: 'fail-list', code: 'Gone' }),
  },
);

/** An API server with one collection and its history, read in pages of two objects. */
class ScriptedServer {
  // A backup is far enough behind that nothing catches up with what was before in these few steps.
  #version = 100_000;
  #backup = 100_000;
  #compactedTo = 0;
  readonly #objects = new Map<string, KubeObject>();
  readonly #history: { version: number; event: WatchEvent }[] = [];
  readonly #watches = new Set<{
    orders: (WatchEvent | 'break' | 'end')[];
    first: WatchEvent | undefined;
    wake: () => void;
  }>();
  readonly #failures: ('Unavailable' | 'Gone')[] = [];
  /** Every version of every object that there ever was, as `name version`. */
  readonly ever = new Set<string>();

  get content(): Record<string, string> {
    return Object.fromEntries([...this.#objects].map(([name, { metadata }]) => [name, metadata.resourceVersion]));
  }

  take(step: Step): void {
    if (step.do === 'set') this.#change(step.name, this.#objects.has(step.name) ? 'MODIFIED' : 'ADDED');
    else if (step.do === 'delete') {
      if (this.#objects.has(step.name)) this.#change(step.name, 'DELETED');
    } else if (step.do === 'compact') this.#compactedTo = this.#version;
    else if (step.do === 'fail-list') this.#failures.push(step.code);
    else if (step.do === 'restore') this.#restore();
    else
      for (const watch of this.#watches) {
        if (step.do === 'bookmark') watch.orders.push({ type: 'BOOKMARK', object: object('', this.#version) });
        else if (step.do !== 'repeat') watch.orders.push(step.do);
        else if (watch.first) watch.orders.push(watch.first);
        watch.wake();
      }
  }

  async list({ continue: from }: { continue?: string | undefined }): Promise<ListPage> {
    const failure = this.#failures.shift();
    if (failure) throw new ApiError(failure, 'as it was told');
    // A page is of the version that its list began with, which is gone after a compaction.
    const [version, start] = from ? (from.split(' ').map(Number) as [number, number]) : [this.#version, 0];
    if (version < this.#compactedTo) throw new ApiError('Gone', 'the pages are too old', { status: 410 });
    if (version > this.#version) throw new ApiError('Unavailable', 'the pages are of a history that is gone');
    const all = [...this.#at(version)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    const next = start + 2 < all.length ? { continue: `${version} ${start + 2}` } : {};
    return { metadata: { resourceVersion: String(version), ...next }, items: all.slice(start, start + 2) };
  }

  /** A watch from a version that is yet to come says nothing until then. */
  async watch(
    resourceVersion: string,
    signal: AbortSignal,
    whenIdle: (callback: () => void) => () => void,
  ): Promise<AsyncIterable<WatchEvent>> {
    if (Number(resourceVersion) < this.#compactedTo) throw new ApiError('Gone', 'too old', { status: 410 });
    return this.#events(Number(resourceVersion), signal, whenIdle);
  }

  #restore(): void {
    this.#backup -= 1000;
    this.#version = this.#backup;
    this.#compactedTo = 0;
    this.#objects.clear();
    this.#history.length = 0;
    for (const watch of this.#watches) {
      watch.orders.length = 0;
      watch.orders.push('break');
      watch.wake();
    }
  }

  async *#events(
    from: number,
    signal: AbortSignal,
    whenIdle: (callback: () => void) => () => void,
  ): AsyncGenerator<WatchEvent> {
    let wake = Promise.withResolvers<void>();
    const watch = {
      orders: this.#history.filter(({ version }) => version > from).map(({ event }) => event) as (
        | WatchEvent
        | 'break'
        | 'end'
      )[],
      first: undefined as WatchEvent | undefined,
      wake: () => wake.resolve(),
    };
    this.#watches.add(watch);
    const aborted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
    try {
      for (;;) {
        const order = watch.orders.shift();
        if (order === 'end') return;
        if (order === 'break') throw new ApiError('Unavailable', 'cut');
        if (order) {
          if (order.type !== 'BOOKMARK') watch.first ??= order;
          if (Number(order.object.metadata.resourceVersion) > from || order === watch.first) yield order;
          continue;
        }
        const cancel = whenIdle(() => {
          watch.orders.push('end');
          watch.wake();
        });
        await Promise.race([wake.promise, aborted]);
        cancel();
        if (signal.aborted) throw new ApiError('Cancelled', 'aborted');
        wake = Promise.withResolvers<void>();
      }
    } finally {
      this.#watches.delete(watch);
    }
  }

  #change(name: string, type: 'ADDED' | 'MODIFIED' | 'DELETED'): void {
    const changed = object(name, ++this.#version);
    if (type === 'DELETED') this.#objects.delete(name);
    else this.#objects.set(name, changed);
    this.ever.add(`${name} ${this.#version}`);
    const event: WatchEvent = { type, object: changed };
    this.#history.push({ version: this.#version, event });
    for (const watch of this.#watches) {
      watch.orders.push(event);
      watch.wake();
    }
  }

  #at(version: number): Map<string, KubeObject> {
    const objects = new Map<string, KubeObject>();
    for (const { version: at, event } of this.#history) {
      if (at > version) break;
      if (event.type === 'DELETED') objects.delete(event.object.metadata.name);
      else objects.set(event.object.metadata.name, event.object);
    }
    return objects;
  }
}

function object(name: string, version: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', uid: name, resourceVersion: String(version) },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('whatever becomes of lists and watches, the store ends as the server, and never holds what never was', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ step, wait: fc.integer({ min: 0, max: 3 }) }), { maxLength: 60 }),
      async (script) => {
        const server = new ScriptedServer();
        const clock = new FakeClock();
        const store = new Store<string>();
        const invented: string[] = [];
        const newest = new Map<string, number>();
        store.onChange(({ key, after }) => {
          const name = key.split('/')[1]!;
          if (after === undefined) return;
          if (!server.ever.has(`${name} ${after}`)) invented.push(`${name} ${after} never was`);
          if (Number(after) < (newest.get(name) ?? 0)) invented.push(`${name} went back to ${after}`);
          newest.set(name, Number(after));
        });
        const reflector = new Reflector({
          client: {
            list: (_resource, query) => server.list(query),
            watch: (_resource, { resourceVersion }, idleMs, signal) =>
              server.watch(resourceVersion, signal, (callback) => clock.after(idleMs, callback)),
          },
          resource,
          transform: ({ metadata }) => metadata.resourceVersion,
          store,
          onFault: () => assert.fail('every object can be processed'),
          clock,
          random: () => 0,
          log: quietLog,
        });
        const stop = new AbortController();
        const running = reflector.run(stop.signal);
        for (const { step, wait } of script) {
          server.take(step);
          if (step.do === 'restore') newest.clear();
          for (let turns = 0; turns < wait; turns++) await turn();
          if (wait > 1) clock.advance(500);
        }
        const equal = () => {
          const held = [...server.ever].map((entry) => entry.split(' ')[0]!);
          const content = Object.fromEntries(
            held.flatMap((name) => {
              const version = store.get(`n/${name}`);
              return version === undefined ? [] : [[name, version]];
            }),
          );
          return reflector.hasSynced && JSON.stringify(sorted(content)) === JSON.stringify(sorted(server.content));
        };
        // Long enough for every failure that was told in the script, each with the longest pause.
        for (let tries = 0; tries < 300 && !equal(); tries++) {
          await turn();
          clock.advance(1000);
        }
        stop.abort();
        await running;
        assert.ok(equal(), `the server has ${JSON.stringify(server.content)}`);
        assert.deepEqual(invented, []);
      },
    ),
    { numRuns: 150 },
  );
});

function sorted(content: Record<string, string>): [string, string][] {
  return Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1));
}

test('the memory of a reflector stays flat over a hundred thousand events', async () => {
  const store = new Store<string>();
  const events = 100_000;
  let heapAfterFirstHalf = 0;
  let told = 0;
  const done = Promise.withResolvers<void>();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  async function* endless(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    for (let version = 11; told < events; version++) {
      told++;
      if (told === events / 2) {
        collect();
        heapAfterFirstHalf = process.memoryUsage().heapUsed;
      }
      yield { type: 'MODIFIED', object: object(`pod-${version % 50}`, version) };
    }
    done.resolve();
    if (!signal.aborted) await once(signal, 'abort');
    throw new ApiError('Cancelled', 'aborted');
  }
  const reflector = new Reflector({
    client: {
      list: async () => ({ metadata: { resourceVersion: '10' }, items: [] }),
      watch: async (_resource, _query, _idleMs, signal) => endless(signal),
    },
    resource,
    transform: ({ metadata }) => metadata.resourceVersion,
    store,
    onFault: () => assert.fail('every object can be processed'),
    clock: new FakeClock(),
    random: () => 0,
    log: quietLog,
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await done.promise;
  collect();
  const growth = process.memoryUsage().heapUsed - heapAfterFirstHalf;
  stop.abort();
  await running;
  assert.equal(store.size, 50);
  // What 50,000 events would hold if one kept 200 bytes of each.
  assert.ok(growth < 10e6, `the heap grew by ${growth} bytes`);
});
