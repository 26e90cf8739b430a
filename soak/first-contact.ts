import { figure } from '../bench/figures.ts';
import { DemoTrial, type Moment } from '../test/demo/demo-trial.ts';
import { Random } from './random.ts';
import type { Soak } from './soak.ts';

/** Sizes of the local cluster: alone, a pair, more agents than each of them probes, and many. */
const sizes = [1, 2, 12, 30];

/** Texts of the demo's output, in its order; each kill comes up to a second and a half after one of them. */
const texts = [
  'starting a local Kubernetes',
  'etcd and the API server are starting',
  's: starting 1 node',
  'all nodes are Ready',
  'CoreDNS is available',
  'building the images',
  'loading ',
  'installing the operator',
  'starting Prometheus',
  'Ctrl-C ends it',
];
const longestDelay = 1500;

/**
 * What a new user does, and what happens to it: `npm start` killed at ten moments, each followed by a run that has to
 * succeed and to leave nothing of either, and the demo on clusters of several sizes. It ends when it is done, whatever
 * time it was given.
 */
export const run: Soak = async ({ seed, signal, log }) => {
  const random = new Random(seed);
  const failures: string[] = [];
  await using trial = new DemoTrial(log, signal);
  let kills = 0;
  for (const text of texts) {
    signal.throwIfAborted();
    const withoutImages = text === 'building the images';
    const moment: Moment = { text, delay: random.integer(0, longestDelay), group: random.chance(0.5), withoutImages };
    try {
      const left = await trial.leftAfterKill(moment, 1);
      kills++;
      for (const line of left) failures.push(`left by a demo that was killed after "${text}": ${line}`);
    } catch (error) {
      failures.push(`killed after "${text}": ${(error as Error).message}`);
    }
  }
  let started = 0;
  for (const nodes of sizes) {
    signal.throwIfAborted();
    try {
      await trial.runOnce(nodes);
      started++;
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return {
    figures: [
      figure('kills_followed_by_success', kills, '', { atLeast: texts.length }),
      figure('left_behind', failures.filter((failure) => failure.startsWith('left by')).length, '', { atMost: 0 }),
      figure('cluster_sizes_shown', started, '', { atLeast: sizes.length }),
    ],
    failures,
    details: { sizes },
  };
};
