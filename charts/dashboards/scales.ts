import type { Steps } from './panels.ts';

const ok = 'green';
const warning = 'yellow';
const bad = 'red';

/** Of a share of failed probes: any is worth a look; a twentieth is the default of `spec.health.failureRatio`. */
export const failureSteps: Steps = [
  [null, ok],
  [0.0001, warning],
  [0.05, bad],
];

/** Of a share of probes that succeeded. 99.9 % is the objective. */
export const successSteps: Steps = [
  [null, bad],
  [0.99, warning],
  [0.999, ok],
];

/** Of latencies in seconds. Both defaults of `spec.health.latency` are steps. */
export const networkLatencySteps: Steps = [
  [null, ok],
  [0.01, warning],
  [0.1, bad],
];

export const dnsLatencySteps: Steps = [
  [null, ok],
  [0.1, warning],
  [1, bad],
];

/** Of a number of suspects. */
export const suspectSteps: Steps = [
  [null, ok],
  [1, bad],
];

/** Of numbers that are neither good nor bad. */
export const plainSteps: Steps = [[null, 'text']];
