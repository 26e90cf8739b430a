import type { ApplyResult } from '../apply/applier.ts';
import { type ApiError, isTransient } from '../kube/api-error.ts';
import type { Obstacle } from '../status/status.ts';
import { contestMessage } from '../status/wording.ts';

/** What came of one object: of applying it, of deleting it, or why neither could be done. `what` is its kind and name. */
export type ChildOutcome = { what: string } & (
  | { result: ApplyResult }
  | { result: { action: 'deleted' } }
  | { error: ApiError }
);

/** What follows from the outcomes of all objects. */
export interface ChildFindings {
  obstacles: Obstacle[];
  /** What has to go away first, such as an object under deletion. */
  waitingFor: string[];
  /** Such as `created ConfigMap default-agent`. */
  changes: string[];
  /** After which trying again soon may succeed; of several the last. */
  failure: ApiError | undefined;
  /** When those who change our objects back are to be looked at again, in milliseconds; Infinity where there is nobody. */
  lookAgainMs: number;
}

export function findingsOf(outcomes: readonly ChildOutcome[]): ChildFindings {
  const findings: ChildFindings = {
    obstacles: [],
    waitingFor: [],
    changes: [],
    failure: undefined,
    lookAgainMs: Infinity,
  };
  for (const outcome of outcomes) add(findings, outcome);
  return findings;
}

function add(findings: ChildFindings, outcome: ChildOutcome): void {
  const { obstacles, waitingFor, changes } = findings;
  const { what } = outcome;
  if ('error' in outcome) {
    const reason = reasonOf(outcome.error);
    obstacles.push({ reason, message: `${what}: ${outcome.error.message}` });
    if (reason === 'ApplyFailed') findings.failure = outcome.error;
    return;
  }
  const { result } = outcome;
  if (result.action === 'left')
    obstacles.push({ reason: 'ObjectNotOurs', message: `${what}: ${result.why}; rename or delete it` });
  else if (result.action === 'waiting') waitingFor.push(`${what}: ${result.why}`);
  else if (result.action === 'replacing')
    waitingFor.push(`${what}: is being created anew, since nobody can change ${result.field}`);
  else if ('contest' in result && result.contest) {
    obstacles.push({ reason: 'FieldsContested', message: contestMessage(what, result.contest) });
    findings.lookAgainMs = Math.min(findings.lookAgainMs, result.contest.lookAgainMs);
  } else if (result.action !== 'unchanged') changes.push(`${result.action} ${what}`);
}

function reasonOf(error: ApiError): 'ApplyFailed' | 'ApplyRejected' {
  return isTransient(error) ? 'ApplyFailed' : 'ApplyRejected';
}
