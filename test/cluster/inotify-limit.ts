import { existsSync, globSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { counted } from '../../src/base/command-line.ts';
import { ClusterError } from './cluster-error.ts';

const limitFile = '/proc/sys/fs/inotify/max_user_instances';
/** Keeps the limit that the machine had before the first cluster raised it. */
export const formerFile = '/run/net-exporter-cluster.inotify';

/** Inotify instances of a node at work, measured: kubelet, containerd, kube-proxy and the pods that a test gives it. */
const perNode = 16;
/** Left for everything else on the machine that starts meanwhile. */
const reserve = 32;

/**
 * The limit of inotify instances that `nodes` more nodes need, where `used` are in use.
 * @returns undefined where `limit` is high enough
 */
export function neededLimit(nodes: number, used: number, limit: number): number | undefined {
  const needed = used + nodes * perNode + reserve;
  return needed > limit ? needed : undefined;
}

/**
 * Raises the limit where it is too low for `nodes` more nodes: a kubelet that gets no inotify instance ends at once.
 * @throws {ClusterError} where it cannot be raised: the message says what to set
 */
export function ensureInotifyInstances(nodes: number, log: (line: string) => void): void {
  const limit = Number(readFileSync(limitFile, 'utf8'));
  const used = inotifyInstances();
  const needed = neededLimit(nodes, used, limit);
  if (needed === undefined) return;
  const isFirst = !existsSync(formerFile);
  try {
    const former = isFirst ? limit : readRaised().former;
    writeFileSync(formerFile, JSON.stringify({ former, raised: needed } satisfies Raised));
    writeFileSync(limitFile, String(needed));
  } catch (error) {
    if (isFirst) rmSync(formerFile, { force: true });
    const instances = nodes * perNode;
    const facts = `${counted(nodes, 'more node')} may need ${instances} inotify instances, and ${used} of ${limit} are in use`;
    const remedy = `Set the limit of this machine: sysctl -w fs.inotify.max_user_instances=${needed}`;
    throw new ClusterError('INOTIFY_LIMIT', `${facts}. ${remedy}`, { cause: error });
  }
  log(`raised fs.inotify.max_user_instances from ${limit} to ${needed} until the last cluster is gone`);
}

/** Gives the machine the limit back that it had before the first cluster, unless somebody else has set it since. */
export function restoreInotifyLimit(): void {
  if (!existsSync(formerFile)) return;
  const { former, raised } = readRaised();
  if (Number(readFileSync(limitFile, 'utf8')) === raised) writeFileSync(limitFile, String(former));
  rmSync(formerFile);
}

/** The limit before the first cluster, and the one that was set last. */
interface Raised {
  former: number;
  raised: number;
}

function readRaised(): Raised {
  return JSON.parse(readFileSync(formerFile, 'utf8')) as Raised;
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
