import { footprint } from './footprint-section.ts';
import { latency } from './latency-section.ts';
import { schedule } from './schedule-section.ts';
import type { Section } from './section.ts';
import { synLoss } from './syn-loss-section.ts';
import { throttled } from './throttled-section.ts';

/** On how many nodes the agent's benchmark runs. */
export const nodes = 3;

/** The parts of the agent's benchmark, in their order. */
export const sections: Readonly<Record<string, Section>> = {
  latency,
  throttled,
  retransmits: synLoss,
  schedule,
  footprint,
};
