import { keyOfName } from '../../src/operator/judge/subjects.ts';
import type { FleetSize } from './fleet.ts';
import type { Fault } from './packets.ts';
import { planEvents } from './planned-events.ts';
import { oneHost } from './scenarios.ts';
import { type CpuFigures, cpuFiguresOf, defaultTiming, Simulation } from './simulation.ts';

export interface HealthyOptions {
  size: FleetSize;
  seed: number;
  loss: number;
  hours: number;
  /** Each node's network stands still for so long, so often; both in seconds. */
  stall: { seconds: number; every: number };
}

/** What a healthy fleet made the judge say. */
export interface HealthyResult {
  suspects: { key: string; at: number; evidence: string }[];
  /** In nats. */
  highestScore: number;
  cpu: CpuFigures;
}

/** Runs a fleet without faults for hours, with stalls and everything that users plan. */
export function healthyRun({ size, seed, loss, hours, stall }: HealthyOptions): HealthyResult {
  const simulation = new Simulation({ size, seed, loss, hosts: oneHost, timing: defaultTiming });
  const { network, random } = simulation;
  network.faults.push(
    stallsOf(
      simulation.cluster.nodes.map(() => random.fraction() * stall.every),
      stall,
    ),
  );
  const result: HealthyResult = { suspects: [], highestScore: 0, cpu: { median: 0, longest: 0, slice: 0 } };
  simulation.onVerdict = ({ raised, highestOther }, at) => {
    result.highestScore = Math.max(result.highestScore, highestOther);
    for (const { kind, name, evidence } of raised) result.suspects.push({ key: keyOfName(kind, name), at, evidence });
  };
  const end = hours * 3600;
  planEvents(simulation, end);
  simulation.runUntil(end);
  result.cpu = cpuFiguresOf(simulation.costs);
  return result;
}

/** @param offsets by node, in seconds */
function stallsOf(offsets: readonly number[], { seconds, every }: HealthyOptions['stall']): Fault {
  const stalls = (place: number, at: number) => {
    const offset = offsets[place];
    return offset !== undefined && (at + offset) % every < seconds;
  };
  return {
    loss: ({ client, end }, _forward, at) => (client !== end && (stalls(client, at) || stalls(end, at)) ? 1 : 0),
  };
}
