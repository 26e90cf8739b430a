import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsPod } from '../../../../src/operator/dns/dns-service.ts';
import { DnsPodShares } from '../../../../src/operator/judge/dns-pod-shares.ts';

const windowMs = 120_000;
const pod = (number: number, parts: Partial<DnsPod> = {}): DnsPod => ({
  ...{ address: `10.1.0.${number}:53`, node: `n${number}`, name: `coredns-${number}`, state: 'serving' },
  isServing: true,
  ...parts,
});

/** Shares of the pods after judgements every five seconds. */
function shares(of: DnsPodShares, pods: (now: number) => DnsPod[], [from, to]: [number, number]) {
  let last = of.update(pods(from), from, windowMs);
  for (let now = from + 5000; now <= to; now += 5000) last = of.update(pods(now), now, windowMs);
  return Object.fromEntries(last.map(({ name, readyShare }) => [name, Math.round(readyShare * 100) / 100]));
}

test('pods that are ready when a leader begins count as ready all the time', () => {
  const known = new DnsPodShares();
  const found = known.update([pod(1), pod(2, { isServing: false, state: 'cut-off' })], 1000, windowMs);
  assert.deepEqual(found, [
    { address: '10.1.0.1:53', node: 'n1', name: 'coredns-1', state: 'serving', readyShare: 1 },
    { address: '10.1.0.2:53', node: 'n2', name: 'coredns-2', state: 'cut-off', readyShare: 0 },
  ]);
});

test('a new pod comes to count, and one that is not ready ceases to, within a window', () => {
  const known = new DnsPodShares();
  shares(known, () => [pod(1)], [0, 60_000]);
  const half = shares(known, () => [pod(1, { isServing: false, state: 'failing' }), pod(2)], [65_000, 120_000]);
  assert.deepEqual(half, { 'coredns-1': 0.37, 'coredns-2': 0.63 });
  assert.deepEqual(
    shares(known, () => [pod(1), pod(2)], [125_000, 400_000]),
    { 'coredns-1': 0.99, 'coredns-2': 1 },
  );
});

test('a pod that is gone is remembered while its failures are in the window, and judged no more', () => {
  const known = new DnsPodShares();
  known.update([pod(1), pod(2)], 0, windowMs);
  const [, gone] = known.update([pod(1)], 5000, windowMs);
  assert.deepEqual([gone?.state, gone && gone.readyShare > 0.9], ['ended', true]);
  assert.deepEqual(
    shares(known, () => [pod(1)], [10_000, 300_000]),
    { 'coredns-1': 1 },
  );
});
