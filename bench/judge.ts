import { type Figure, figure, type Goal } from './figures.ts';
import type { FleetSize } from './judge/fleet.ts';
import type { HealthyOptions, HealthyResult } from './judge/healthy.ts';
import { KeptResults } from './judge/kept-results.ts';
import { quietScenarios } from './judge/quiet-scenarios.ts';
import { scenarios } from './judge/scenarios.ts';
import type { TrialOptions, TrialResult } from './judge/trial.ts';
import type { Job } from './judge/trial-worker.ts';
import { runJobs } from './judge/workers.ts';
import type { SectionResult } from './section.ts';
import type { SimulatedSection } from './simulated-section.ts';
import { quantile } from './statistics.ts';

/** Fleets by number of nodes, with the seeds of each kind of fault and the hours without any. */
const fleets = {
  6: { size: { nodes: 6, zones: 3, dnsPods: 2 }, seeds: 100, hours: 24 },
  30: { size: { nodes: 30, zones: 3, dnsPods: 2 }, seeds: 100, hours: 24 },
  300: { size: { nodes: 300, zones: 20, dnsPods: 8 }, seeds: 20, hours: 4 },
  3000: { size: { nodes: 3000, zones: 3, dnsPods: 40 }, seeds: 5, hours: 1 },
} as const satisfies Record<number, { size: FleetSize; seeds: number; hours: number }>;

type Nodes = keyof typeof fleets;

const quickSeeds = 20;
const backgroundLoss = 0.001;

/** Precision and recall to reach. */
function shareGoal(kind: string, nodes: Nodes): Goal {
  if (kind === 'two') return { atLeast: nodes === 6 ? 0.9 : 0.98 };
  if (nodes === 6) return { atLeast: 0.95 };
  return { atLeast: kind === 'node_loss_20' ? 0.98 : 0.99 };
}

/** Seconds to a verdict: at 6 nodes, and with more. Kinds without a goal are only reported. */
const verdictSeconds: Readonly<Record<string, readonly [six: number, more: number]>> = {
  node_dead: [50, 45],
  node_deaf: [50, 45],
  node_mute: [50, 45],
  zone_cut: [50, 45],
  dns_pod_down: [50, 45],
  host: [50, 45],
  service_path: [50, 45],
  zone_pair_30: [115, 75],
  dns_pod_half: [115, 75],
  link: [80, 80],
  node_loss_20: [180, 110],
};

const clearedSeconds = 90;
const rightDirections = 0.95;

/** Sections, which are simulations and need no cluster. */
export const sections: Readonly<Record<string, SimulatedSection>> = Object.fromEntries(
  (Object.keys(fleets) as unknown as Nodes[]).flatMap((nodes): [string, SimulatedSection][] => [
    [`faults-${nodes}`, (options) => faultsSection(Number(nodes) as Nodes, options)],
    [`healthy-${nodes}`, (options) => healthySection(Number(nodes) as Nodes, options)],
  ]),
);

/** The sections with `--quick`. */
export const quickSections = ['faults-30'];

const faultsSection = async (nodes: Nodes, { quick, signal, log }: Parameters<SimulatedSection>[0]) => {
  const { size, seeds } = fleets[nodes];
  const count = quick ? Math.min(seeds, quickSeeds) : seeds;
  const jobs = Object.keys(scenarios).flatMap((kind) =>
    Array.from({ length: count }, (_, index): { trial: TrialOptions } => ({
      trial: { kind, size, seed: index + 1, loss: backgroundLoss },
    })),
  );
  const results = (await resultsOf(jobs, { quick, signal })) as (TrialResult | null)[];
  const figures: Figure[] = [];
  const details: Record<string, unknown> = {};
  const costs: number[] = [];
  let slice = 0;
  for (const kind of Object.keys(scenarios)) {
    const ofKind = results.filter((result) => result?.kind === kind) as TrialResult[];
    if (ofKind.length === 0) {
      log(`${kind} does not exist with ${nodes} nodes`);
      continue;
    }
    figures.push(...figuresOf(kind, nodes, ofKind));
    details[kind] = ofKind
      .filter(({ wrong, found, expected }) => wrong.length > 0 || found.length < expected.length)
      .map(({ seed, wrong, found, expected }) => ({ seed, expected, found, wrong }));
    for (const result of ofKind) {
      costs.push(result.cpu.median);
      slice = Math.max(slice, result.cpu.slice);
    }
  }
  const all = results.filter((result) => result !== null);
  figures.push(
    figure(`judgement_cpu_seconds_p50_${nodes}`, quantile(costs, 0.5), 's', { atMost: 0.1 }),
    figure(`judgement_cpu_seconds_max_${nodes}`, Math.max(...all.map(({ cpu }) => cpu.longest)), 's', { atMost: 0.4 }),
    figure(`judgement_slice_seconds_max_${nodes}`, slice, 's', { atMost: 0.025 }),
  );
  return { figures, details } satisfies SectionResult;
};

function figuresOf(kind: string, nodes: Nodes, results: readonly TrialResult[]): Figure[] {
  const found = results.flatMap((result) => result.found);
  const wrong = results.reduce((sum, result) => sum + result.wrong.length, 0);
  if (kind in quietScenarios) return [figure(`false_suspects_${kind}_${nodes}`, wrong, '', { atMost: 0 })];
  const expected = results.reduce((sum, result) => sum + result.expected.length, 0);
  const directed = found.filter(({ directionRight }) => directionRight !== undefined);
  const right = directed.filter(({ directionRight }) => directionRight).length;
  const cleared = results.map((result) => result.cleared ?? Number.NaN);
  const seconds = verdictSeconds[kind]?.[nodes === 6 ? 0 : 1];
  return [
    figure(`precision_${kind}_${nodes}`, found.length / (found.length + wrong), '', shareGoal(kind, nodes)),
    figure(`recall_${kind}_${nodes}`, found.length / expected, '', shareGoal(kind, nodes)),
    figure(
      `verdict_seconds_p99_${kind}_${nodes}`,
      quantile(
        found.map((suspect) => suspect.seconds),
        0.99,
      ),
      's',
      seconds === undefined ? undefined : { atMost: seconds },
    ),
    figure(`cleared_seconds_max_${kind}_${nodes}`, Math.max(...cleared), 's', { atMost: clearedSeconds }),
    ...(directed.length > 0
      ? [figure(`direction_${kind}_${nodes}`, right / directed.length, '', { atLeast: rightDirections })]
      : []),
  ];
}

const healthySection = async (nodes: Nodes, { quick, signal }: Parameters<SimulatedSection>[0]) => {
  const { size, hours } = fleets[nodes];
  const short = { seconds: 1.5, every: 300 };
  const runs = [
    { name: 'loss_0.1', loss: 0.001, stall: short, goal: 0 },
    { name: 'loss_1', loss: 0.01, stall: short, goal: 0 },
    { name: 'stalls_5', loss: 0.001, stall: { seconds: 5, every: 600 }, goal: hours / 24 },
  ];
  const jobs = runs.map(({ loss, stall }): { healthy: HealthyOptions } => ({
    healthy: { size, seed: 1, loss, stall, hours: quick ? Math.min(1, hours) : hours },
  }));
  const results = (await resultsOf(jobs, { quick, signal })) as HealthyResult[];
  return {
    figures: runs.flatMap(({ name, goal }, index) => {
      const { suspects, highestScore } = results[index]!;
      return [
        figure(`false_suspects_${name}_${nodes}`, suspects.length, '', { atMost: goal }),
        figure(`highest_healthy_score_${name}_${nodes}`, highestScore, ''),
      ];
    }),
    details: Object.fromEntries(runs.map(({ name }, index) => [name, results[index]])),
  } satisfies SectionResult;
};

/** Results in the order of the jobs. Unless quick, those of an interrupted run of the same code are used again. */
async function resultsOf(
  jobs: readonly Job[],
  { quick, signal }: Pick<Parameters<SimulatedSection>[0], 'quick' | 'signal'>,
): Promise<unknown[]> {
  const kept = quick ? new KeptResults() : await KeptResults.open();
  const missing = jobs.filter((job) => kept.of(job) === undefined);
  await runJobs(missing, (job, result) => kept.keep(job, result), signal);
  return jobs.map((job) => kept.of(job));
}
