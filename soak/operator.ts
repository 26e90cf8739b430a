import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { type Figure, figure } from '../bench/figures.ts';
import { quantile } from '../bench/statistics.ts';
import { waitFor } from '../test/cluster/wait.ts';
import { agentsOf, metricsOf } from '../test/e2e/agents.ts';
import { FaultRig } from '../test/faults/fault-rig.ts';
import { writesIn } from '../test/faults/request-record.ts';
import { convergence, runSequence, type SequenceOutcome } from '../test/faults/sequence.ts';
import { Random } from './random.ts';
import type { Soak } from './soak.ts';

/** The operator's replicas, each a process that reaches the API server through the proxy of faults. */
const operatorNames = ['soak-a', 'soak-b'];

/** How many sequences there are between two lines about the progress. */
const progressEvery = 10;

/** One node: what is looked at is the operators' work, and a few agents are enough for it. */
const nodes = 1;

/** As in the end-to-end test, with longer sequences. */
const sequence = { namespace, steps: 12, heavy: 0.15, strangers: 0.3, deadline: 90_000 };

/** Of the whole time, at most these parts: the API server is away, and nothing happens at all. Minutes. */
const longestOutage = 5;
const longestRest = 10;

/** Within which the operator has caught up with an API server that came back, and how much it may ask then. */
const promisedSeconds = 10;
const mostRequests = 200;

/**
 * Two operators under random sequences of edits, faults of the network and of the API server, restarts, deaths and
 * strangers' objects and connections, after each of which everything must be as if there had been none. Unless it was
 * told how many sequences to run, the API server is then away for minutes; then nothing happens, and nothing may be
 * written.
 */
export const run: Soak = async ({ seed, minutes, sequences: wanted, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const rig = await FaultRig.start(bench.cluster, operatorNames, seed, { sync: true });
    try {
      const outage = Math.min(longestOutage, minutes / 6);
      const rest = Math.min(longestRest, minutes / 6);
      const endAt = performance.now() + (minutes - outage - rest) * 60_000;
      const isEnough = (count: number) => (wanted === undefined ? performance.now() >= endAt : count >= wanted);
      const sequences = await runSequences(rig, new Random(seed), isEnough, bench);
      const converging = sequences.flatMap(({ seed, violations }) =>
        violations.map((violation) => `sequence ${seed}: ${violation}`),
      );
      if (wanted !== undefined)
        return { figures: sequenceFigures(sequences), failures: converging, details: { sequences } };
      const away = await apiServerAway(rig, outage, bench);
      const writes = await writesAtRest(rig, rest, bench);
      const failures = [...converging, ...away.failures, ...writes.map((write) => `a write at rest: ${write}`)];
      const figures = [
        ...sequenceFigures(sequences),
        ...away.figures,
        figure('writes_at_rest', writes.length, '', { atMost: 0 }),
      ];
      return { figures, failures, details: { outageMinutes: outage, restMinutes: rest, sequences } };
    } finally {
      await rig.stop();
    }
  });

async function runSequences(
  rig: FaultRig,
  random: Random,
  isEnough: (count: number) => boolean,
  { signal, log }: BenchCluster,
): Promise<SequenceOutcome[]> {
  const outcomes: SequenceOutcome[] = [];
  while (!isEnough(outcomes.length)) {
    signal.throwIfAborted();
    const steps: string[] = [];
    const outcome = await runSequence(rig, random.integer(0, 2 ** 31), {
      ...sequence,
      log: (line) => steps.push(line),
    });
    outcomes.push(outcome);
    for (const violation of outcome.violations) log(`sequence ${outcome.seed}: ${violation}\n${steps.join('\n')}`);
    if (outcome.violations.length > 0)
      for (const file of await keepLogs(rig, outcome.seed)) log(`log of an operator: ${file}`);
    if (outcomes.length % progressEvery === 0) log(`${outcomes.length} sequences`);
  }
  return outcomes;
}

/** Keeps what the operators that run have logged of late. @returns the files */
async function keepLogs({ operators }: FaultRig, seed: number): Promise<string[]> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  return Promise.all(
    operators.running.map(async ({ name, log }) => {
      const file = join(folder, `operator-sequence-${seed}-${name}.log`);
      await writeFile(file, log);
      return file;
    }),
  );
}

/** What sequences came to. */
export function sequenceFigures(outcomes: readonly SequenceOutcome[]): Figure[] {
  const converged = outcomes.map(({ convergedAfter }) => convergedAfter);
  const took = outcomes.map(({ seconds }) => seconds);
  const violated = outcomes.filter(({ violations }) => violations.length > 0);
  const total = (of: (outcome: SequenceOutcome) => number) => outcomes.reduce((sum, outcome) => sum + of(outcome), 0);
  const planned = total(({ reports }) => reports.planned);
  return [
    figure('sequences', outcomes.length, '', { atLeast: 1 }),
    figure('sequences_violated', violated.length, '', { atMost: 0 }),
    // Those of one sequence may all be refused: operators that restart take none.
    figure(
      'hostile_reports_accepted',
      total(({ reports }) => reports.accepted),
      '',
      planned > 0 ? { atLeast: 1 } : undefined,
    ),
    figure('sequence_p50_seconds', quantile(took, 0.5), 's'),
    figure('sequence_max_seconds', Math.max(...took), 's'),
    figure('converged_p50_seconds', quantile(converged, 0.5), 's'),
    figure('converged_max_seconds', Math.max(...converged), 's'),
    // How many are too many depends on the strangers of a sequence, which judges it.
    figure('requests_busiest_ten_seconds', Math.max(...outcomes.map(({ busiest }) => busiest)), ''),
  ];
}

/**
 * Stops the API server for so long. What runs on the nodes must not notice, and the operators must catch up at once.
 */
async function apiServerAway(
  rig: FaultRig,
  minutes: number,
  bench: BenchCluster,
): Promise<{ figures: Figure[]; failures: string[] }> {
  const { log, kubectl, cluster } = bench;
  await patchHosts(rig, 'before-the-outage.example.com.');
  await convergence(rig, sequence);
  const agents = await waitFor(
    'an agent',
    async () => {
      const found = await agentsOf(kubectl, namespace, 'one');
      return found.length > 0 && found.every(({ ready }) => ready) && found;
    },
    { timeout: 120_000, interval: 500 },
  );
  const lookups = async () =>
    (await Promise.all(agents.map(metricsOf))).map((metrics) => metrics.sum('dns_latency_seconds_count'));
  log(`the API server is away for ${minutes} minutes`);
  const before = await lookups();
  await cluster.stopComponent('apiserver');
  await bench.pass(minutes * 60);
  const after = await lookups();
  await cluster.startComponent('apiserver');
  await waitFor('readiness of the API server', () => rig.api.isReady(), { timeout: 60_000, interval: 50 });
  const returnedAt = Date.now();
  await patchHosts(rig, 'after-the-outage.example.com.');
  await convergence(rig, sequence);
  const seconds = (Date.now() - returnedAt) / 1000;
  await bench.pass(Math.max(0, promisedSeconds - seconds));
  const requests = rig.proxy.record
    .since(returnedAt)
    .filter(({ startedAt }) => startedAt < returnedAt + promisedSeconds * 1000);
  const now = await agentsOf(kubectl, namespace, 'one');
  const failures = [
    ...after.flatMap((count, index) =>
      count > before[index]! ? [] : ['an agent stopped probing with the API server away'],
    ),
    ...now.flatMap(({ pod, restarts }) => (restarts > 0 ? [`${pod} restarted`] : [])),
  ];
  return {
    figures: [
      figure('return_converged_seconds', seconds, 's', { atMost: promisedSeconds }),
      figure('return_requests', requests.length, '', { atMost: mostRequests }),
    ],
    failures,
  };
}

async function patchHosts({ api }: FaultRig, host: string): Promise<void> {
  const path = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters/one`;
  await api.patch(path, 'merge', {
    spec: {
      agent: { nodeSelector: { 'example.com/no-node': null } },
      dns: { enabled: true, hosts: ['kubernetes.default.svc.cluster.local.', host], interval: '1s', timeout: '1s' },
    },
  });
}

/** What the operators write in so long a time in which nothing changes, but for the Lease. */
async function writesAtRest(rig: FaultRig, minutes: number, bench: BenchCluster): Promise<string[]> {
  const quiet = async () => writesIn(rig.proxy.record.since(Date.now() - 10_000)).length === 0;
  await waitFor('ten seconds without a write', quiet, { timeout: 180_000, interval: 1000 });
  bench.log(`nothing happens for ${minutes} minutes`);
  const from = Date.now();
  await bench.pass(minutes * 60);
  return writesIn(rig.proxy.record.since(from)).map(({ verb, path }) => `${verb} ${path}`);
}
