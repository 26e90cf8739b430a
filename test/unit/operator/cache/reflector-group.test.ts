import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ReflectorGroup } from '../../../../src/operator/cache/reflector-group.ts';

/** Fills its cache when the test says so. */
class Member {
  obstacle: string | undefined = 'waiting';
  notices: string[] = [];
  isRunning = false;
  readonly #filled = Promise.withResolvers<void>();

  get synced(): Promise<void> {
    return this.#filled.promise;
  }

  fill(): void {
    this.obstacle = undefined;
    this.#filled.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    this.isRunning = true;
    if (!signal.aborted) await once(signal, 'abort');
    this.isRunning = false;
  }
}

test('the caches of a group are full once the last one is, and those that are not say why', async () => {
  const members = [new Member(), new Member(), new Member()];
  const group = new ReflectorGroup(members);
  let isFull = false;
  const synced = group.synced.then(() => {
    isFull = true;
  });
  members[1]!.obstacle = 'cannot list pods';
  assert.deepEqual(group.obstacles, ['waiting', 'cannot list pods', 'waiting']);
  members[0]!.fill();
  members[2]!.fill();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([isFull, group.obstacles], [false, ['cannot list pods']]);
  members[1]!.fill();
  await synced;
  assert.deepEqual(group.obstacles, []);
  members[0]!.obstacle = 'cannot watch nodes';
  assert.deepEqual(group.obstacles, ['cannot watch nodes'], 'also later');
});

test('all of a group run until they are told to end, and have ended then', async () => {
  const members = [new Member(), new Member()];
  const end = new AbortController();
  const running = new ReflectorGroup(members).run(end.signal);
  assert.ok(members.every(({ isRunning }) => isRunning));
  end.abort();
  await running;
  assert.ok(members.every(({ isRunning }) => !isRunning));
});
