import type { Suspect, Verdict } from '../../src/operator/judge/judge.ts';
import { keyOfName } from '../../src/operator/judge/subjects.ts';
import type { Timing } from './agents.ts';
import type { FleetSize } from './fleet.ts';
import { oneHost, scenarios } from './scenarios.ts';
import { type CpuFigures, cpuFiguresOf, defaultTiming, Simulation } from './simulation.ts';

/** Seconds before the fault, for which it lasts, and after it. */
const warmUp = 130;
const lasting = 180;
const after = 120;

export interface TrialOptions {
  kind: string;
  size: FleetSize;
  seed: number;
  loss: number;
  timing?: Timing;
}

/** What came of one fault. */
export interface TrialResult {
  kind: string;
  seed: number;
  expected: string[];
  /** Suspects that were raised and expected, with the seconds from the beginning of the fault. */
  found: { key: string; seconds: number; directionRight: boolean | undefined }[];
  /** Suspects that were raised and not expected, or once more. */
  wrong: { key: string; seconds: number; evidence: string }[];
  /** Seconds from the end of the fault until the last one was cleared; undefined if that did not happen. */
  cleared: number | undefined;
  evidence: string[];
  /** CPU seconds of the median and of the longest judgement, and of the longest slice. */
  cpu: CpuFigures;
}

const directions: Readonly<Record<string, string>> = { Inbound: 'in', Outbound: 'out' };

/** Runs one fault on one fleet. @returns undefined if the fleet is too small for it */
export function trial({ kind, size, seed, loss, timing = defaultTiming }: TrialOptions): TrialResult | undefined {
  const scenario = scenarios[kind]!;
  const hosts = scenario.hosts ?? oneHost;
  const simulation = new Simulation({ size, seed, loss, hosts, timing });
  const found = new Map<string, TrialResult['found'][number]>();
  const result: TrialResult = {
    ...{ kind, seed, expected: [], found: [], wrong: [], cleared: undefined, evidence: [] },
    cpu: { median: 0, longest: 0, slice: 0 },
  };
  const raised = new Set<string>();
  const last = new Map<string, Suspect>();
  simulation.onVerdict = (verdict: Verdict, at: number) => {
    for (const suspect of verdict.suspects) last.set(keyOfName(suspect.kind, suspect.name), suspect);
    for (const { kind: suspected, name, evidence } of verdict.raised) {
      const key = keyOfName(suspected, name);
      const seconds = at - warmUp;
      if (result.expected.includes(key) && !raised.has(key) && seconds <= lasting)
        found.set(key, { key, seconds, directionRight: undefined });
      else result.wrong.push({ key, seconds, evidence });
      raised.add(key);
    }
    for (const { kind: suspected, name, evidence } of verdict.cleared) {
      const key = keyOfName(suspected, name);
      const seconds = at - warmUp;
      if (seconds < lasting && result.expected.includes(key))
        result.wrong.push({ key: `cleared ${key}`, seconds, evidence });
    }
    if (verdict.suspects.length > 0) result.cleared = undefined;
    else result.cleared ??= Math.max(0, at - warmUp - lasting);
  };
  simulation.runUntil(warmUp);
  const injected = scenario.start(simulation);
  if (!injected) return undefined;
  result.expected = injected.expected.map(({ key }) => key);
  simulation.runUntil(warmUp + lasting);
  for (const { key, direction } of injected.expected) {
    const entry = found.get(key);
    const suspect = last.get(key);
    if (!entry || !suspect) continue;
    if (direction && suspect.reason !== 'Loss' && suspect.reason !== 'Slow')
      entry.directionRight = (directions[suspect.reason] ?? 'all') === direction;
    result.evidence.push(suspect.evidence);
  }
  injected.end();
  simulation.runUntil(warmUp + lasting + after);
  result.found = [...found.values()];
  result.cpu = cpuFiguresOf(simulation.costs);
  return result;
}
