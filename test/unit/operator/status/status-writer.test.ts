import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NetExporter, NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { StatusWriter, type WrittenStatus } from '../../../../src/operator/status/status-writer.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { quietLog } from '../quiet-log.ts';

const wanted: NetExporterStatus = { observedGeneration: 3 };
const { uid } = netExporter().metadata;

function at(resourceVersion: string, status?: NetExporterStatus, otherUid?: string): NetExporter {
  const resource = netExporter();
  return {
    ...resource,
    metadata: { ...resource.metadata, resourceVersion, ...(otherUid && { uid: otherUid }) },
    ...(status && { status }),
  };
}

/** What the API server does with the next patch. */
type Mood = 'well' | 'away' | 'deaf';

/** What a merge patch makes of a value (RFC 7386 §2). */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result = new Map(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch))
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  return Object.fromEntries(result);
}

/**
 * An API server that takes a patch only over the version that it holds.
 * @param keep what it keeps of a status that is written
 */
function setUp(live: NetExporter | undefined, keep = (status: NetExporterStatus) => status) {
  const clock = new FakeClock();
  const patches: unknown[] = [];
  const landed: number[] = [];
  const told: WrittenStatus[] = [];
  const moods: Mood[] = [];
  let held = live;
  const missing = new ApiError('NotFound', 'gone', { status: 404 });
  const client = {
    get: async () => held as never,
    mergePatch: async (_resource: unknown, _place: unknown, patch: object) => {
      patches.push(patch);
      const mood = moods.shift();
      if (mood === 'away') throw new ApiError('Unavailable', 'no answer');
      if (!held) throw missing;
      const { metadata, status } = patch as NetExporter;
      if (metadata.resourceVersion !== held.metadata.resourceVersion)
        throw new ApiError('Conflict', 'changed', { status: 409 });
      const kept = keep(merged(held.status, JSON.parse(JSON.stringify(status))) as NetExporterStatus);
      held = at(String(Number(metadata.resourceVersion) + 1), kept);
      landed.push(clock.wall());
      // It has done what was asked, and the answer is lost.
      if (mood === 'deaf') throw new ApiError('Unavailable', 'no answer');
      return held as never;
    },
  };
  const writer = new StatusWriter({ client, clock, random: () => 0 });
  const write = (
    resource: NetExporter,
    compute: (previous: NetExporterStatus | undefined) => NetExporterStatus,
    log = quietLog,
  ) => writer.write({ resource, compute, written: (status) => told.push(status), log });
  /** Someone else changes the object. */
  const touch = () => {
    if (held) held = at(String(Number(held.metadata.resourceVersion) + 1), held.status);
  };
  return { clock, writer, write, touch, patches, landed, told, moods, held: () => held };
}

/** Lets everything happen that can happen at this time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a status that is there already is not written', async () => {
  const { write, patches, told, clock } = setUp(at('10', wanted));
  write(at('10', wanted), () => ({ ...wanted }));
  await settle();
  assert.deepEqual([patches, told, clock.pending], [[], [], 0]);
});

test('a change is written at once, over the version it was computed from', async () => {
  const { write, patches, told } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'it is written');
  assert.deepEqual(told, [{ before: undefined, after: wanted }]);
  assert.deepEqual(patches, [{ metadata: { uid, resourceVersion: '10' }, status: wanted }]);
});

test('what is no longer known goes from the status, and is then not written again', async () => {
  const before = {
    observedGeneration: 3,
    agents: { desired: 3, ready: 3, configured: 3, reporting: 3, summary: '3/3' },
  };
  const after = { observedGeneration: 3, agents: { desired: 3, ready: 3, summary: '3/3' } };
  const { clock, write, patches, told, held } = setUp(at('10', before));
  write(at('10', before), () => after);
  await until(() => told.length === 1, 'it is written');
  assert.deepEqual(held()?.status, after);
  clock.advance(1000);
  await settle();
  write(held()!, () => after);
  await settle();
  assert.deepEqual([patches.length, clock.pending], [1, 0]);
});

for (const [what, keep] of [
  ['prunes', ({ observedGeneration }: NetExporterStatus) => ({ observedGeneration })],
  ['adds', (status: NetExporterStatus) => ({ suspectSummary: 'none', ...status })],
] as [string, (status: NetExporterStatus) => NetExporterStatus][])
  test(`a field that the API server ${what} is no reason to write the same again, and a change is written`, async () => {
    const { clock, writer, write, patches, told, held } = setUp(at('10'), keep);
    const status = (desired: number) => ({
      observedGeneration: 3,
      agents: { desired, ready: 0, summary: `0/${desired}` },
    });
    write(at('10'), () => status(1));
    await until(() => told.length === 1, 'it is written');
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(1000);
      await settle();
      write(held()!, () => status(1));
    }
    await settle();
    assert.deepEqual([patches.length, clock.pending], [1, 0]);
    write(held()!, () => status(2));
    await until(() => told.length === 2, 'the change is written');
    clock.advance(1000);
    await settle();
    writer.forgetWrites();
    write(held()!, () => status(2));
    await until(() => told.length === 3, 'after a restore of etcd it is tried again');
  });

const statusField = fc.constantFrom('agents', 'suspects', 'summary');
const { status: anyStatus } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 2 }),
    fc.array(tie('status'), { maxLength: 2 }),
    tie('status'),
  ),
  status: fc.dictionary(statusField, tie('value'), { maxKeys: 3, noNullPrototype: true }),
}));

test('whatever stood there, what is written is all that stands there then', async () => {
  await fc.assert(
    fc.asyncProperty(anyStatus, anyStatus, async (before, after) => {
      const { write, held } = setUp(at('10', before as NetExporterStatus));
      write(at('10', before as NetExporterStatus), () => after as NetExporterStatus);
      await settle();
      assert.deepEqual(held()?.status, after);
    }),
    { numRuns: 300 },
  );
});

test('after a conflict it is computed anew from what is there', async () => {
  const { write, patches, told } = setUp(at('12', { observedGeneration: 2 }));
  const seen: unknown[] = [];
  write(at('10'), (previous) => {
    seen.push(previous?.observedGeneration);
    return wanted;
  });
  await until(() => told.length === 1, 'it is written');
  assert.deepEqual(seen, [undefined, 2]);
  assert.deepEqual(told, [{ before: { observedGeneration: 2 }, after: wanted }]);
  assert.equal(patches.length, 2);
});

test('of what is asked for within a second the last is written, and the rest never', async () => {
  const { clock, write, told, patches } = setUp(at('10'));
  write(at('10'), () => ({ observedGeneration: 1 }));
  await until(() => told.length === 1, 'the first is written');
  for (let generation = 2; generation <= 50; generation++) write(at('10'), () => ({ observedGeneration: generation }));
  clock.advance(999);
  await settle();
  assert.equal(patches.length, 1);
  clock.advance(1);
  await until(() => told.length === 2, 'the last is written');
  assert.deepEqual(told[1], { before: { observedGeneration: 1 }, after: { observedGeneration: 50 } });
});

test('what turns back within a second is not written at all', async () => {
  const { clock, write, told, patches } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'the first is written');
  write(at('10'), () => ({ observedGeneration: 4 }));
  write(at('10'), () => wanted);
  clock.advance(1000);
  await settle();
  assert.deepEqual([patches.length, clock.pending], [1, 0]);
});

test('while the watch lags behind its own write there is no conflict', async () => {
  const { clock, write, told, patches } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'the first is written');
  clock.advance(1000);
  await settle();
  write(at('10'), () => ({ observedGeneration: 4 }));
  await until(() => told.length === 2, 'the second is written');
  assert.equal(patches.length, 2);
});

test('after a restore of etcd what the watch shows counts, though we wrote something newer before', async () => {
  const { clock, writer, write, told, patches } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'it is written');
  clock.advance(1000);
  await settle();
  writer.forgetWrites();
  write(at('10'), () => wanted);
  await until(() => patches.length === 2, 'it is written again, over the version that the watch shows');
});

test('one that is gone, or another one of its name, is not written to', async () => {
  const gone = setUp(undefined);
  gone.write(at('10'), () => wanted);
  await settle();
  assert.deepEqual([gone.patches.length, gone.clock.pending], [1, 0]);
  const other = setUp(at('99', undefined, 'another-uid'));
  other.write(at('10'), () => wanted);
  await settle();
  assert.deepEqual([other.patches.length, other.clock.pending], [1, 0]);
});

test('nothing is remembered of an object whose deletion was seen before the response to a write', async () => {
  let patches = 0;
  const client = {
    get: async () => at('11', wanted) as never,
    mergePatch: async () => {
      patches++;
      writer.forget(uid);
      return at('11', wanted) as never;
    },
  };
  const clock = new FakeClock();
  const writer = new StatusWriter({ client, clock, random: () => 0 });
  const write = () => writer.write({ resource: at('10'), compute: () => wanted, written: () => {}, log: quietLog });
  write();
  await until(() => clock.pending === 1, 'it is written');
  clock.advance(1000);
  await settle();
  // Only what is remembered would make this different: the watch never shows a deleted object again.
  write();
  await settle();
  assert.equal(patches, 2);
});

test('nothing is remembered of another object of the same name', async () => {
  const { write, patches } = setUp(at('99', wanted, 'another-uid'));
  write(at('10'), () => wanted);
  await settle();
  assert.equal(patches.length, 1);
  write(at('98', undefined, 'another-uid'), () => wanted);
  await settle();
  assert.equal(patches.length, 2);
});

test('a fault in what computes a status is tried again and stops nothing else', async () => {
  const { clock, write, told } = setUp(at('10'));
  let calls = 0;
  write(at('10'), () => {
    if (++calls === 1) throw new TypeError('a fault in the code');
    return wanted;
  });
  await until(() => clock.pending === 1, 'it waits');
  clock.advance(5000);
  await until(() => told.length === 1, 'it is written');
});

test('a failure is told once for each new reason, by the log of the reconcile that asked', async () => {
  const { clock, write, told, moods } = setUp(at('10'));
  const lines: { msg: string; reconcile: number }[] = [];
  const log = operatorLogger('info', { write: (line) => lines.push(JSON.parse(line)) }).child({ reconcile: 7 });
  moods.push('away', 'away', 'away');
  write(at('10'), () => wanted, log);
  for (let turn = 0; turn < 3; turn++) {
    await until(() => clock.pending === 1, 'it waits');
    clock.advance(5000);
    await settle();
  }
  await until(() => told.length === 1, 'it is written');
  assert.deepEqual(
    lines.map(({ msg, reconcile }) => [msg, reconcile]),
    [['cannot update status, will retry', 7]],
  );
});

test('stopping writes what still waits, within the second that it has to wait', async () => {
  const { clock, writer, write, told } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'the first is written');
  write(at('10'), () => ({ observedGeneration: 4 }));
  const stopped = writer.stop(1500);
  clock.advance(1000);
  await stopped;
  assert.equal(told.at(-1)?.after.observedGeneration, 4);
});

test('stopping at rest takes no time', async () => {
  const { writer, write, told } = setUp(at('10'));
  write(at('10'), () => wanted);
  await until(() => told.length === 1, 'it is written');
  await writer.stop(1500);
});

test('stopping while the API server is away ends in time, and nothing is written later', async () => {
  const { clock, writer, write, moods, patches } = setUp(at('10'));
  moods.push('away');
  write(at('10'), () => wanted);
  await until(() => clock.pending === 1, 'it waits');
  const stopped = writer.stop(500);
  clock.advance(500);
  await stopped;
  write(at('10'), () => wanted);
  clock.advance(60_000);
  await settle();
  assert.equal(patches.length, 1);
});

test('40 writes behind a slow webhook take 8 connections at most, and a write of another object gets through', async () => {
  const clock = new FakeClock();
  const running = new Set<string>();
  const written = new Set<string>();
  let most = 0;
  const objects = new Map<string, NetExporter>();
  const client = {
    get: async (_resource: unknown, { name }: { name: string }) => objects.get(name) as never,
    mergePatch: (_resource: unknown, { name }: { name: string }, patch: object, signal?: AbortSignal) =>
      new Promise<never>((resolve, reject) => {
        running.add(name);
        most = Math.max(most, running.size);
        const end = (settle: () => void) => {
          running.delete(name);
          settle();
        };
        const { status } = patch as NetExporter;
        const answer = { ...objects.get(name)!, status } as never;
        if (!name.startsWith('slow')) return end(() => resolve(answer));
        const cancel = clock.after(14_000, () => end(() => resolve(answer)));
        signal?.addEventListener('abort', () => {
          cancel();
          end(() => reject(signal.reason));
        });
      }),
  };
  const writer = new StatusWriter({ client, clock, random: () => 0 });
  const write = (name: string) => {
    const resource = at('10', undefined, `uid-of-${name}`);
    const namespace = name.startsWith('slow') ? 'slow' : 'other';
    const object = { ...resource, metadata: { ...resource.metadata, namespace, name } };
    objects.set(name, object);
    const request = { compute: () => wanted, written: () => written.add(name), log: quietLog };
    writer.write({ resource: object, ...request });
  };
  for (let index = 0; index < 40; index++) write(`slow-${index}`);
  write('first');
  await settle();
  assert.equal(running.size, 8);
  await clock.advanceAsync(3000);
  assert.deepEqual([...written], ['first'], 'the others are slow, although they were never written');
  for (let seconds = 0; seconds < 600 && written.size < 41; seconds++) await clock.advanceAsync(1000);
  assert.deepEqual([written.size, most], [41, 8]);
  written.clear();
  for (let index = 0; index < 40; index++) write(`slow-${index}`);
  await settle();
  write('fast');
  await settle();
  assert.deepEqual([[...written], running.size, most], [['fast'], 7, 8]);
  const stopped = writer.stop(1000);
  await clock.advanceAsync(1000);
  await stopped;
  await settle();
  assert.deepEqual([running.size, clock.pending], [0, 0]);
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), value: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 1500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('touch' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('mood' as const), mood: fc.constantFrom<Mood>('away', 'deaf', 'well') }),
  },
);

test('what was written without an answer is known when it has been read, though the watch does not show it yet', async () => {
  const { clock, write, moods, held } = setUp(at('10'));
  const status = (observedGeneration: number) => () => ({ observedGeneration });
  write(at('10'), status(1));
  await settle();
  moods.push('deaf');
  write(at('10'), status(0));
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await settle();
  }
  assert.equal(held()?.status?.observedGeneration, 0);
  write(at('10'), status(1));
  clock.advance(1000);
  await settle();
  assert.equal(held()?.status?.observedGeneration, 1);
});

test('whatever comes how fast, no second sees two writes, and the last state arrives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, stops) => {
      const { clock, writer, write, touch, landed, moods, held } = setUp(at('10'));
      let last: number | undefined;
      for (const one of steps) {
        if (one.do === 'write') {
          last = one.value;
          write(at('10'), () => ({ observedGeneration: one.value }));
        } else if (one.do === 'touch') touch();
        else if (one.do === 'mood') moods.push(one.mood);
        else clock.advance(one.ms);
        if (one.do !== 'write') await settle();
      }
      moods.length = 0;
      const stopped = stops ? writer.stop(6000) : undefined;
      for (let second = 0; second < 7; second++) {
        await settle();
        clock.advance(1000);
      }
      await stopped;
      assert.equal(held()?.status?.observedGeneration, last);
      for (const [index, time] of landed.entries())
        if (index > 0) assert.ok(time - landed[index - 1]! >= 1000, `${landed}`);
      await settle();
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 200 },
  );
});
