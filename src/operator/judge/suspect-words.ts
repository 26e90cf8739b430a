import type { SuspectReason } from '../../contract/suspects.ts';
import { type EvidenceParts, evidenceOf } from './evidence.ts';
import type { Horizons } from './fleet-facts.ts';
import type { Judged, Judgement } from './judgement.ts';
import type { Observations } from './observations.ts';
import { streamKinds } from './scene.ts';
import { type Direction, namesOf } from './subjects.ts';
import { figuresOf, reachOf, type SuspectFigures } from './suspect-figures.ts';

/** From this share of bad attempts on a fault is hard: nothing gets through. */
const hardShare = 0.8;

/** A DNS pod of whose lookups fewer than this share are bad answers. */
const answeringShare = 0.2;

/** The reason of a suspect and the sentence about it. */
export interface SuspectWords {
  reason: SuspectReason;
  evidence: string;
}

/**
 * Describes a finding.
 * @param shown name and direction as users know them already
 * @param hasRebooted whether the node's boot id has changed since the suspect was found first
 */
export function wordsOf(
  judgement: Judgement,
  observations: Observations,
  judged: Judged,
  {
    name,
    direction,
    horizons,
    hasRebooted,
  }: {
    name: string;
    direction: Direction;
    horizons: Horizons;
    hasRebooted: boolean;
  },
): SuspectWords {
  const figures = figuresOf(judgement, observations, judged);
  const { kind, a, b } = judged.subject;
  const isSlow = judged.channel === 'slow';
  const isHard = figures.attempts > 0 && figures.bad / figures.attempts >= hardShare;
  const reason = reasonOf(judged, direction, { figures, isHard, hasRebooted });
  const parts: EvidenceParts = {
    ...figures,
    kind,
    name,
    reason,
    isSlow,
    isHard,
    windowSeconds: horizons.whole / 1000,
    nowSeconds: horizons.now / 1000,
  };
  const { scene } = judgement;
  if (kind === 'Node') {
    const { facts, heard } = scene.nodes[a]!;
    Object.assign(parts, { notReady: facts?.ready === false, silent: !heard, direction });
    if (direction !== 'all') parts.otherWay = reachOf(judgement, a, direction === 'in' ? 'out' : 'in');
  }
  if (kind === 'Link' && b < scene.nodes.length) {
    // The order of the indexes may be another one than when the suspect was found, and than that of the names.
    const isReversed = name.replace('<>', '>') === namesOf(judged.subject, 'in', scene).name;
    const [from, to] = isReversed ? [b, a] : [a, b];
    parts.endReachedBy = reachOf(judgement, to, 'in').reached;
    parts.startReaches = reachOf(judgement, from, 'out').reached;
  }
  if (kind === 'ServicePath') parts.startReaches = reachOf(judgement, a, 'out').reached;
  if (kind === 'DNSServer') addServer(parts, judgement, a);
  return { reason, evidence: evidenceOf(parts) };
}

function addServer(parts: EvidenceParts, judgement: Judgement, server: number): void {
  const { scene } = judgement;
  const { pod, share } = scene.servers[server]!;
  const resolver = scene.servers.find(({ isResolver }) => isResolver);
  if (pod?.name) parts.pod = pod.name;
  if (pod?.node !== undefined) parts.podNode = pod.node;
  if (!resolver || share === 0) return;
  parts.resolver = { address: resolver.address, pods: Math.round(1 / share) };
  parts.otherPods = otherPodsOf(judgement, server);
}

/** The other pods behind the DNS Service of which there are lookups in the last two holds, and those that answer. */
function otherPodsOf({ scene, tallies }: Judgement, server: number): { answering: number; pods: number } {
  const { attempts, bad } = tallies.bad.of('now');
  const sums = new Map<number, { attempts: number; bad: number }>();
  for (let at = 0; at < scene.size; at++) {
    const other = scene.server[at]!;
    if (scene.kind[at] !== streamKinds.server || other === server || attempts[at] === 0) continue;
    if (scene.servers[other]!.share === 0) continue;
    const sum = sums.get(other) ?? { attempts: 0, bad: 0 };
    sums.set(other, { attempts: sum.attempts + attempts[at]!, bad: sum.bad + bad[at]! });
  }
  const answering = [...sums.values()].filter((sum) => sum.bad < answeringShare * sum.attempts);
  return { answering: answering.length, pods: sums.size };
}

function reasonOf(
  { subject, channel }: Judged,
  direction: Direction,
  { figures, isHard, hasRebooted }: { figures: SuspectFigures; isHard: boolean; hasRebooted: boolean },
): SuspectReason {
  if (subject.kind === 'Node' && hasRebooted) return 'Rebooted';
  if (channel === 'slow') return 'Slow';
  if (channel === 'answered') return 'Errors';
  if (subject.kind !== 'Node' && figures.failing === 'refused') return 'Refused';
  if (subject.kind !== 'Node' && figures.failing === 'answered') return 'Errors';
  if (!isHard) return 'Loss';
  if (subject.kind !== 'Node' || direction === 'all') return 'Unreachable';
  return direction === 'in' ? 'Inbound' : 'Outbound';
}
