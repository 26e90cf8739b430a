import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Remaining } from '../../../../src/operator/status/rollout.ts';
import { missingToleranceMs, progressDeadlineMs, RolloutClock } from '../../../../src/operator/status/rollout-clock.ts';

const done: Remaining = { unobserved: 0, missing: 0, outdated: 0, notReady: 0 };
const minute = 60_000;

/** Observes these, a minute apart, and returns in how many minutes the rollout is overdue after the last one. */
function overdueAfter(steps: Partial<Remaining>[], clock = new RolloutClock()): number | undefined {
  for (const [index, step] of steps.entries())
    clock.observe({ uid: 'd', generation: 1, remaining: { ...done, ...step } }, index * minute);
  const ms = clock.overdueInMs((steps.length - 1) * minute);
  return ms === undefined ? undefined : ms / minute;
}

for (const [what, steps, expected] of [
  ['nothing to do', [{}], undefined],
  ['the first look', [{ outdated: 3 }], 10],
  ['nothing that moves', Array(11).fill({ outdated: 3, notReady: 1 }), 0],
  ['nothing that moves for longer', Array(20).fill({ outdated: 3 }), 0],
  ['a pod that is replaced', [...Array(9).fill({ outdated: 3 }), { outdated: 2 }], 10],
  ['a spec that is observed at last', [{ unobserved: 1 }, { outdated: 3 }, { outdated: 3 }], 9],
  ['an agent that becomes ready', [{ notReady: 2 }, { notReady: 2 }, { notReady: 1 }], 10],
  ['a pod that comes', [{ missing: 2 }, { missing: 2 }, { missing: 1 }], 10],
  ['the end, and an agent that fails later', [{ notReady: 1 }, {}, { notReady: 1 }], 10],
  [
    'a rollout that stands while other agents become ready and unready by turns',
    [{ outdated: 3 }, { outdated: 3, notReady: 1 }, { outdated: 3 }, { outdated: 3, missing: 1 }, { outdated: 3 }],
    6,
  ],
  [
    'a cluster that always grows and shrinks',
    Array.from({ length: 30 }, (_, index) => ({ notReady: 1 + (index % 2) })),
    9,
  ],
  ['pods of an older template that come back', [{ outdated: 3 }, { outdated: 4 }, { outdated: 3 }], 8],
] as [string, Partial<Remaining>[], number | undefined][])
  test(`after ${what} a rollout is overdue in ${expected ?? 'no number of'} minutes`, () => {
    assert.equal(overdueAfter(steps), expected);
  });

test('another spec, another DaemonSet and no DaemonSet begin anew', () => {
  const remaining = { ...done, outdated: 3 };
  for (const other of [{ uid: 'd', generation: 2 }, { uid: 'e', generation: 1 }, undefined]) {
    const clock = new RolloutClock();
    clock.observe({ uid: 'd', generation: 1, remaining }, 0);
    clock.observe(other && { ...other, remaining }, progressDeadlineMs);
    assert.equal(clock.overdueInMs(progressDeadlineMs), other && progressDeadlineMs);
  }
});

test('what the leader before found to be stalled stays so until there is progress', () => {
  const clock = new RolloutClock();
  const observe = (outdated: number, now: number) =>
    clock.observe({ uid: 'd', generation: 1, remaining: { ...done, outdated } }, now, {
      status: 'True',
      reason: 'ProgressDeadlineExceeded',
    });
  observe(3, 5000);
  assert.equal(clock.overdueInMs(5000), 0);
  observe(3, 6000);
  assert.equal(clock.overdueInMs(6000), 0);
  observe(2, 7000);
  assert.equal(clock.overdueInMs(7000), progressDeadlineMs);
});

test('pods that have been missing for a minute are told, and only while the counts are those of the current spec', () => {
  const clock = new RolloutClock();
  const observe = (remaining: Partial<Remaining>, now: number) => {
    clock.observe({ uid: 'd', generation: 1, remaining: { ...done, ...remaining } }, now);
    return clock.missingTooLongInMs(now);
  };
  assert.equal(observe({ unobserved: 1, missing: 3 }, 0), undefined);
  assert.equal(observe({ missing: 3 }, 1000), missingToleranceMs);
  assert.equal(observe({ missing: 1 }, 31_000), 30_000);
  assert.equal(observe({ missing: 1 }, 61_000), 0);
  assert.equal(observe({ notReady: 1 }, 62_000), undefined);
  assert.equal(observe({ missing: 1 }, 63_000), missingToleranceMs);
});

test('pods that the leader before found to be refused are looked at without another minute', () => {
  const clock = new RolloutClock();
  const rollout = { uid: 'd', generation: 1, remaining: { ...done, missing: 1 } };
  clock.observe(rollout, 0, { status: 'True', reason: 'PodsRefused' });
  assert.equal(clock.missingTooLongInMs(0), 0);
});
