import { existsSync, globSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ClusterError } from './cluster-error.ts';

const limitFile = '/proc/sys/fs/inotify/max_user_instances';
/** Keeps the limit that the machine had before the first cluster raised it. */
const formerFile = '/run/net-exporter-cluster.inotify';

/** Inotify instances of a node at work, measured: kubelet, containerd, kube-proxy and the pods that a test gives it. */
const perNode = 16;
/** Left for everything else on the machine that starts meanwhile. */
const reserve = 32;

/**
 * Raises the limit where it is too low for `nodes` more nodes: a kubelet that gets no inotify instance ends at once.
 * @throws {ClusterError} where the limit is too low and cannot be raised: its message says what to set
 */
export function ensureInotifyInstances(nodes: number, log: (line: string) => void): void {
  const limit = Number(readFileSync(limitFile, 'utf8'));
  const used = inotifyInstances();
  const needed = used + nodes * perNode + reserve;
  if (needed <= limit) return;
  try {
    if (!existsSync(formerFile)) {
      mkdirSync(dirname(formerFile), { recursive: true });
      writeFileSync(formerFile, String(limit));
    }
    writeFileSync(limitFile, String(needed));
  } catch (error) {
    const facts = `${nodes} more nodes need about ${nodes * perNode} inotify instances; ${used} of ${limit} are in use`;
    const remedy = `Set the limit on this machine: sysctl -w fs.inotify.max_user_instances=${needed}`;
    throw new ClusterError('INOTIFY_LIMIT', `${facts}. ${remedy}`, { cause: error });
  }
  log(`raised fs.inotify.max_user_instances from ${limit} to ${needed} until the last cluster is gone`);
}

/** Gives the machine the limit back that it had before the first cluster; nothing where none was changed. */
export function restoreInotifyLimit(): void {
  if (!existsSync(formerFile)) return;
  writeFileSync(limitFile, readFileSync(formerFile, 'utf8'));
  rmSync(formerFile);
}

/** The inotify instances that processes of this machine hold; the limit counts those of one user. */
function inotifyInstances(): number {
  return globSync('/proc/[0-9]*/fd/*').filter((file) => {
    try {
      return readlinkSync(file) === 'anon_inode:inotify';
    } catch {
      return false;
    }
  }).length;
}
