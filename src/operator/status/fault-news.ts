import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition } from '../../crd/status.ts';
import { type AgentFault, faultReasons } from '../agents/agent-pod.ts';
import { type Findings, lastingFaults } from './status.ts';
import { isLossOfAgents, type StatusEvent } from './status-events.ts';
import type { WrittenStatus } from './status-writer.ts';
import { listOf } from './wording.ts';

/** Reasons that also rollouts and new nodes have: there is news only where agents that were ready are not. */
const ofRollouts: readonly string[] = [
  'AgentsNotReady',
  'PodsMissing',
  'ProgressDeadlineExceeded',
] satisfies ConditionReason[];

/** The state of a condition that was found last, and what it is about. */
interface Known {
  reason: string;
  /** Of these there are Events. */
  subjects: ReadonlySet<string>;
}

/**
 * Finds further faults of one NetExporter: a condition that stays in a bad state for the same reason, and is about
 * another node or object. Changes of numbers, and faults that end, are no news.
 */
export class FaultNews {
  /** By type of condition. */
  readonly #known = new Map<string, Known>();

  /** @returns an Event for each condition with news; to be called for every status that is written */
  take(written: WrittenStatus, findings: Findings): StatusEvent[] {
    return (written.after.conditions ?? []).flatMap((condition) => {
      const subjects = subjectsOf(condition, findings);
      const news = subjects && this.#newOf(condition, subjects, written);
      return news ? [eventOf(condition, news)] : [];
    });
  }

  /** @returns the subjects that are new, which may be none of the named ones; undefined: no news */
  #newOf(condition: Condition, subjects: readonly string[], written: WrittenStatus): readonly string[] | undefined {
    const { type, status, reason } = condition;
    const before = written.before?.conditions?.find((other) => other.type === type);
    const isSame = before?.status === status && before.reason === reason;
    const known = this.#known.get(type);
    const told = known?.reason === reason ? known.subjects : subjectsNamedIn(before?.message ?? '', subjects);
    const added = subjects.filter((subject) => !told.has(subject));
    const isNews = isSame && (ofRollouts.includes(reason) ? isLossOfAgents(written) : added.length > 0);
    // What rollouts explain may come before the DaemonSet's count: it is no news until then.
    const isAwaited = isSame && !isNews && ofRollouts.includes(reason);
    const kept = isAwaited ? subjects.filter((subject) => told.has(subject)) : subjects;
    this.#known.set(type, { reason, subjects: new Set(kept) });
    return isNews ? added : undefined;
  }
}

/** What Ready says; Stalled and ConfigPropagated say the rest, and Reconciling nothing of its own. */
const ofReady: readonly string[] = ['AgentsNotReady', 'PodsMissing', 'AgentUnschedulable'] satisfies ConditionReason[];

/** What a condition is about for its reason, by name, which may be nothing; undefined: another condition says it. */
function subjectsOf({ type, reason }: Condition, findings: Findings): readonly string[] | undefined {
  if (type === 'ConfigPropagated') return outOfSync(reason, findings);
  if (type === 'Ready' ? !ofReady.includes(reason) : type !== 'Stalled') return undefined;
  if (ofRollouts.includes(reason)) return findings.unready;
  if (faultReasons.includes(reason as AgentFault['reason']))
    return lastingFaults(findings).flatMap((fault) => (fault.reason === reason ? [fault.node] : []));
  return findings.obstacles.flatMap((obstacle) => (obstacle.reason === reason ? (obstacle.objects ?? []) : []));
}

function outOfSync(reason: string, { propagation }: Findings): readonly string[] {
  if (typeof propagation !== 'object') return [];
  if ('overdue' in propagation) return reason === 'AgentsOutOfSync' ? propagation.overdue : [];
  return 'obstacle' in propagation ? [propagation.obstacle] : [];
}

/** What a former leader has told. A message that names not all may be about any. */
function subjectsNamedIn(message: string, subjects: readonly string[]): ReadonlySet<string> {
  const isComplete = !/ and \d+ more\b/i.test(message);
  return new Set(subjects.filter((subject) => !isComplete || isNamed(message, subject)));
}

function isNamed(message: string, subject: string): boolean {
  const at = message.indexOf(subject);
  return at >= 0 && !/^[\w.-]*[\w-]/.test(message.slice(at + subject.length));
}

function eventOf({ reason, message }: Condition, news: readonly string[]): StatusEvent {
  const isHidden = news.some((subject) => !isNamed(message, subject));
  const note = isHidden ? `New: ${listOf(news)}. ${message}` : message;
  // The operator has just written the condition.
  const content = { type: 'Warning', reason: reason as ConditionReason, action: 'Reconcile', note } as const;
  return { content, occurrence: undefined };
}
