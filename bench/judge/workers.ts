import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Job } from './trial-worker.ts';

/**
 * Runs jobs on all cores.
 * @param onResult called for each job with what it returned, in any order
 */
export async function runJobs<J extends Job>(
  jobs: readonly J[],
  onResult: (job: J, result: unknown) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const left = [...jobs].reverse();
  const run = async () => {
    const worker = new Worker(new URL('./trial-worker.ts', import.meta.url));
    try {
      for (let job = left.pop(); job && !signal.aborted; job = left.pop()) {
        worker.postMessage(job);
        const [result] = await once(worker, 'message', { signal });
        await onResult(job, result);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs.length, availableParallelism()) }, run));
  signal.throwIfAborted();
}
