import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';

/**
 * The processes of a container, as numbered on this machine: those of its cgroup.
 * @throws Error when there is none
 */
export async function processesOf(
  cluster: Cluster,
  namespace: string,
  pod: string,
  container: string,
): Promise<number[]> {
  const cgroup = await cluster.podCgroup(namespace, pod, container);
  const pids = (await readFile(join(cgroup, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean).map(Number);
  if (pids.length === 0) throw new Error(`no process in ${namespace}/${pod} ${container}`);
  return pids;
}
