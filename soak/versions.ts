import { type Figure, figure } from '../bench/figures.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { startCluster } from '../test/cluster/cluster.ts';
import { type OlderKubernetes, olderKubernetes, versionOf } from '../test/cluster/older-kubernetes.ts';
import { getJson, type Kubectl } from '../test/e2e/agents.ts';
import { prepareTests, runTests, type TestResults } from './end-to-end.ts';
import type { Soak, SoakOptions } from './soak.ts';

/** The end-to-end tests of what depends on the API server, the controllers or the kubelet. */
const names = [
  'bad-input',
  'main-job',
  'ownership',
  'sync',
  'operator-privileges',
  'permissions',
  'assigned-user',
  'live-edit',
  'leader-election',
  'pod-monitor',
  'upgrade',
];

/** What the tests on one version came to. */
export interface Outcome extends TestResults {
  seconds: { start: number; tests: number };
  /** What the API server and the kubelets say. */
  reported: string[];
}

/**
 * The end-to-end tests on whole clusters of older versions of Kubernetes: control plane, nodes and kubectl. It ends
 * when it is done, whatever time it was given.
 */
export const run: Soak = async ({ kubernetes, signal, log }) => {
  const outcomes = new Map<OlderKubernetes, Outcome>();
  const failures: string[] = [];
  for (const version of kubernetes === undefined ? olderKubernetes : [kubernetes]) {
    try {
      outcomes.set(version, await testOn(version, { signal, log }));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`no tests on Kubernetes ${version}: ${(error as Error).message}`);
    }
  }
  const found = [...outcomes].map(([version, outcome]) => verdict(version, outcome));
  return {
    figures: found.flatMap(({ figures }) => figures),
    failures: [...failures, ...found.flatMap(({ failures }) => failures)],
    details: Object.fromEntries(outcomes),
  };
};

/** What the tests on one version say about it. */
export function verdict(
  version: OlderKubernetes,
  { passed, failed, skipped, reported, seconds }: Outcome,
): { figures: Figure[]; failures: string[] } {
  const wanted = versionOf(version);
  const others = reported.filter((found) => found !== wanted);
  return {
    figures: [
      figure(`passed_${version}`, passed, '', { atLeast: 1 }),
      figure(`failed_${version}`, failed.length, '', { atMost: 0 }),
      figure(`skipped_${version}`, skipped.length, ''),
      figure(`start_${version}_seconds`, seconds.start, 's'),
      figure(`tests_${version}_seconds`, seconds.tests, 's'),
    ],
    failures: [
      ...failed.map((test) => `on Kubernetes ${version}: ${test}`),
      ...others.map((found) => `${found} ran instead of ${wanted}`),
    ],
  };
}

async function testOn(
  kubernetes: OlderKubernetes,
  { signal, log }: Pick<SoakOptions, 'signal' | 'log'>,
): Promise<Outcome> {
  signal.throwIfAborted();
  const cleanups = new Cleanups();
  return cleanups.after(async () => {
    const beganAt = performance.now();
    const cluster = await startCluster({ name: `soak-${process.pid}`, kubernetes, ipFamily: 'dual', log, signal });
    cleanups.add(`cluster "${cluster.name}"`, () => cluster.down());
    await prepareTests(cluster, cleanups, log);
    const kubectl: Kubectl = (args, options) => cluster.kubectl(args, options);
    const reported = await versionsOf(kubectl);
    const startedAt = performance.now();
    log(`${reported.join(', ')}: ${names.join(', ')}`);
    const tests = await runTests(names, signal, log);
    const seconds = { start: (startedAt - beganAt) / 1000, tests: (performance.now() - startedAt) / 1000 };
    return { ...tests, reported, seconds };
  }, log);
}

/** The versions of the API server and of each node. */
async function versionsOf(kubectl: Kubectl): Promise<string[]> {
  const { gitVersion } = JSON.parse(await kubectl(['get', '--raw=/version'])) as { gitVersion: string };
  const { items } = await getJson<{ items: { status: { nodeInfo: { kubeletVersion: string } } }[] }>(kubectl, [
    'nodes',
  ]);
  return [gitVersion, ...items.map(({ status }) => status.nodeInfo.kubeletVersion)];
}
