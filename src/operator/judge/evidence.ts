import type { SuspectKind, SuspectReason } from '../../contract/suspects.ts';
import type { Failing, SuspectFigures } from './suspect-figures.ts';

/** Everything that a sentence about a suspect says. */
export interface EvidenceParts extends SuspectFigures {
  kind: SuspectKind;
  /** As in `status.suspects`. */
  name: string;
  reason: SuspectReason;
  /** What is wrong, whatever the reason says: of a rebooted node what was. */
  isSlow: boolean;
  isHard: boolean;
  /** Periods in seconds. */
  windowSeconds: number;
  nowSeconds: number;
  /** Node: whether its Node object is not ready. */
  notReady?: boolean;
  /** Node: whether its agent does not report. */
  silent?: boolean;
  /** Node: which probes fail. */
  direction?: 'all' | 'in' | 'out';
  /** Node: how many peers it reaches, or reach it, in the direction that works. */
  otherWay?: { reached: number; peers: number };
  /** Link: who else reaches its end, and whom else its start reaches. */
  endReachedBy?: number;
  startReaches?: number;
  /** DNSServer: the pod, its node, and the resolver that leads to it with this share. */
  pod?: string;
  podNode?: string;
  resolver?: { address: string; pods: number };
  /** DNSServer: the other pods behind the resolver, and how many of them answer. */
  otherPods?: { answering: number; pods: number };
}

/**
 * One sentence that says what is at fault, with numbers, vantage points and contrast. Status, Events, alerts and pages
 * use it unchanged. TCP says who opens the connection and not which way packets are lost, and so does this sentence.
 */
export function evidenceOf(parts: EvidenceParts): string {
  if (parts.reason === 'Rebooted') return `Node ${parts.name} rebooted: ${probesOf(parts)}.`;
  return `${sentences[parts.kind](parts)}.`;
}

const sentences: Record<SuspectKind, (parts: EvidenceParts) => string> = {
  Node(parts) {
    const { name, direction, otherWay, seeing, witnesses } = parts;
    if (parts.isSlow) return `Node ${name} is slow: ${rateText(parts, whereOf(direction))}`;
    if (!parts.isHard) return `Node ${name} loses packets: ${rateText(parts, whereOf(direction))}`;
    const notes = [
      ...(parts.notReady ? ['its Node is NotReady'] : []),
      ...(parts.silent ? ['its agent does not report'] : []),
    ];
    if (direction === 'out') {
      const way = otherWay ? `; ${otherWay.reached} of ${otherWay.peers} peers reach it` : '';
      const fails = `connections that it opens to ${seeing} of ${witnesses} peers fail (${probesOf(parts)})`;
      return `Node ${name} cannot reach others: ${[fails + way, ...notes].join('; ')}`;
    }
    const way = direction === 'in' && otherWay ? `; it reaches ${otherWay.reached} of ${otherWay.peers} peers` : '';
    const fails = `${seeing} of ${witnesses} peers fail (${probesOf(parts)})`;
    return `Node ${name} cannot be reached: ${[fails + way, ...notes].join('; ')}`;
  },
  Link(parts) {
    const [from, to, arrow] = endsOf(parts.name);
    const contrast = [
      ...(parts.endReachedBy !== undefined ? [`${to} is reached by ${parts.endReachedBy} others`] : []),
      ...(parts.startReaches !== undefined ? [`${from} reaches ${parts.startReaches} others`] : []),
    ];
    const what = parts.isHard ? probesOf(parts) : rateText(parts, 'on it');
    return [`Link ${from} ${arrow} ${to}: ${what}`, ...(contrast.length > 0 ? [contrast.join(', ')] : [])].join('; ');
  },
  ServicePath(parts) {
    const [from, to] = endsOf(parts.name);
    const service = to === 'agents' ? "the agents' Service" : to === 'ClusterIPs' ? 'ClusterIPs' : `the Service ${to}`;
    return `Node ${from} cannot use ${service}: ${parts.isHard ? probesOf(parts) : rateText(parts, 'to it')}; ${from} reaches ${parts.startReaches ?? 0} peers directly`;
  },
  ZonePair(parts) {
    const [from, to, arrow] = endsOf(parts.name);
    return `Zones ${from} ${arrow} ${to}: ${rateText(parts, 'between them')}, on ${parts.badLinks} of ${parts.links} links`;
  },
  Zone(parts) {
    return `Zone ${parts.name}: ${rateText(parts, 'across its border')}, on ${parts.badLinks} of ${parts.links} links`;
  },
  DNSServer(parts) {
    const { name, pod, podNode, resolver, otherPods, witnesses } = parts;
    const where = pod ? ` (${pod}${podNode ? ` on ${podNode}` : ''})` : podNode ? ` (on ${podNode})` : '';
    const what = parts.isHard
      ? `${lookupsOf(parts)} by ${witnesses} nodes ${failedText(parts)}`
      : rateText(parts, 'at it');
    const contrast = otherPods?.pods ? [`${otherPods.answering} of ${otherPods.pods} other pods answer`] : [];
    const effect = resolver ? [`1 of ${resolver.pods} lookups at ${resolver.address} is affected`] : [];
    return [`DNS server ${name}${where}: ${what}`, ...contrast, ...effect].join('; ');
  },
  Host(parts) {
    const what = parts.isHard
      ? `${lookupsOf(parts)} by ${parts.witnesses} nodes ${failedText(parts)}`
      : rateText(parts, 'for it');
    return `Host ${parts.name}: ${what} at all DNS servers`;
  },
};

/** The sentence's words for how attempts failed. */
const failingWords: Record<Failing, string> = {
  timeout: 'timed out',
  refused: 'were refused',
  answered: 'were answered with an error',
  other: 'failed',
};

function failedText({ isSlow, failing }: EvidenceParts): string {
  return isSlow ? 'were slow' : failingWords[failing];
}

function lookupsOf({ bad, attempts }: EvidenceParts): string {
  return `${counted(bad)} of ${counted(attempts)} lookups`;
}

function probesOf(parts: EvidenceParts): string {
  const seconds = Math.round(parts.ofWindow ? parts.windowSeconds : parts.nowSeconds);
  return `${counted(parts.bad)} of ${counted(parts.attempts)} probes in ${seconds} s ${failedText(parts)}`;
}

function rateText(parts: EvidenceParts, where: string): string {
  const { bad, attempts, elsewhere, isSlow } = parts;
  const verb = isSlow ? 'took too long' : 'needed a retransmit or failed';
  const share = percent(attempts === 0 ? 0 : bad / attempts);
  return `${share} of ${counted(attempts)} probes ${where} ${verb}, ${percent(elsewhere)} elsewhere`;
}

function whereOf(direction: EvidenceParts['direction']): string {
  if (direction === 'in') return 'that others open to it';
  return direction === 'out' ? 'that it opens' : 'from and to it';
}

/** Two digits: `23 %`, `0.12 %`. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

/** Making one takes longer than to write a sentence. */
const grouped = new Intl.NumberFormat('en-US');

function counted(count: number): string {
  return grouped.format(count);
}

/** Of a name such as `a>b` or `a<>b`. */
function endsOf(name: string): [from: string, to: string, arrow: string] {
  const [from, to] = name.split(/<?>/) as [string, string];
  return [from, to, name.includes('<>') ? '↔' : '→'];
}
