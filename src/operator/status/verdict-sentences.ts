import type { Condition } from '../../crd/status.ts';
import { maxSuspects } from '../../crd/status.ts';
import type { JudgedFleet } from '../judge/judged-fleet.ts';
import { concerns, type HealthCondition, statusSuspectOf } from './health-status.ts';

/**
 * What is at fault, worst first: the evidence of each suspect, as the status and Events have it. Then, of DNS and of
 * the network, the message of the condition unless it is about those suspects.
 * @param shown what the status shows
 */
export function verdictSentences(shown: JudgedFleet | undefined, conditions: readonly Condition[]): string[] {
  const suspects = (shown?.verdict.suspects ?? []).slice(0, maxSuspects).map(statusSuspectOf);
  const healthy = Object.keys(concerns) as HealthCondition[];
  const others = healthy.flatMap((type) => {
    const condition = conditions.find((other) => other.type === type);
    return condition && condition.reason !== 'SuspectsFound' ? [condition.message] : [];
  });
  return [...suspects.map(({ evidence }) => evidence), ...others];
}

/** By which status each condition about the monitoring itself says that it works. */
const expected: Record<string, Condition['status']> = { Ready: 'True', Stalled: 'False', ConfigPropagated: 'True' };

/** What is wrong with the monitoring itself. Conditions with the same message are one. */
export function monitorSentences(conditions: readonly Condition[]): string[] {
  const wrong = conditions.filter(({ type, status }) => type in expected && status !== expected[type]);
  return [...new Set(wrong.map(({ message }) => message))];
}
