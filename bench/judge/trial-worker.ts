import { parentPort } from 'node:worker_threads';
import { type HealthyOptions, healthyRun } from './healthy.ts';
import { type TrialOptions, trial } from './trial.ts';

/** What a worker does: one fault on one fleet, or hours of a healthy one. */
export type Job = { trial: TrialOptions } | { healthy: HealthyOptions };

parentPort!.on('message', (job: Job) => {
  parentPort!.postMessage('trial' in job ? (trial(job.trial) ?? null) : healthyRun(job.healthy));
});
