import { shortened } from '../../base/bounded-text.ts';
import type { ApplyResult } from '../apply/applier.ts';
import { type ApiError, isTransient } from '../kube/api-error.ts';
import type { Obstacle } from '../status/status.ts';
import { conflictMessage, maxCauseLength, withPeriod } from '../status/wording.ts';

/** The result of applying or deleting one object, or why that failed. `what` is the object's kind and name. */
export type ChildOutcome = { what: string } & (
  | { result: ApplyResult }
  | { result: { action: 'deleted' } }
  /** Neither created nor changed while these objects, which its pods use, are missing or belong to someone else. */
  | { result: { action: 'withheld'; until: readonly string[] } }
  | { error: ApiError; failed: 'apply' | 'delete' }
);

/** What the outcomes of all objects mean for the status and for the next reconciliation. */
export interface ChildFindings {
  obstacles: Obstacle[];
  /** A full sentence for each object that must be deleted first. */
  waitingFor: string[];
  /** Such as `created ConfigMap default-agent`. */
  changes: string[];
  /** The last failure that a retry may end. */
  failure: ApiError | undefined;
  /** When to check objects with a field conflict again, in milliseconds; Infinity if there is none. */
  requeueAfterMs: number;
}

/** @param namespace of the objects */
export function findingsOf(outcomes: readonly ChildOutcome[], namespace: string): ChildFindings {
  const findings: ChildFindings = {
    obstacles: strangersOf(outcomes, namespace),
    waitingFor: [],
    changes: [],
    failure: undefined,
    requeueAfterMs: Infinity,
  };
  for (const outcome of outcomes) add(findings, outcome, withheldUntil([outcome.what], outcomes));
  return findings;
}

/** @param withheld what waits for this object, as a sentence; empty if nothing does */
function add(findings: ChildFindings, outcome: ChildOutcome, withheld: string): void {
  const { obstacles, waitingFor, changes } = findings;
  const { what } = outcome;
  if ('error' in outcome) {
    const reason = reasonOf(outcome.error);
    obstacles.push({ reason, message: failureMessage(what, outcome) + withheld, objects: [what] });
    if (reason === 'ApplyFailed' || reason === 'WriteTimedOut') findings.failure = outcome.error;
    return;
  }
  const { result } = outcome;
  if (result.action === 'withheld' || result.action === 'left') return;
  if (result.action === 'waiting') waitingFor.push(`${what} ${result.why}.${withheld}`);
  else if (result.action === 'replacing')
    waitingFor.push(`${what} is being recreated because ${result.field} is immutable.${withheld}`);
  else if ('conflict' in result && result.conflict) {
    obstacles.push({ reason: 'FieldConflict', message: conflictMessage(what, result.conflict), objects: [what] });
    findings.requeueAfterMs = Math.min(findings.requeueAfterMs, result.conflict.requeueAfterMs);
  } else if (result.action !== 'unchanged') changes.push(`${result.action} ${what}`);
}

/** The order in which kinds are named: the first ones keep agents from running, or from what they should measure. */
const namedFirst = [
  ...['DaemonSet', 'ConfigMap', 'ServiceAccount', 'NetworkPolicy', 'Service', 'PodMonitor', 'PrometheusRule'],
];

/**
 * One obstacle for all objects of someone else, with the command that deletes them: by name, because their labels
 * select other objects, too.
 */
function strangersOf(outcomes: readonly ChildOutcome[], namespace: string): Obstacle[] {
  const rank = ({ what }: { what: string }) => namedFirst.findIndex((kind) => what.startsWith(`${kind} `));
  const strangers = outcomes
    .flatMap((outcome) =>
      'result' in outcome && outcome.result.action === 'left' ? { what: outcome.what, why: outcome.result.why } : [],
    )
    .sort((a, b) => rank(a) - rank(b));
  if (strangers.length === 0) return [];
  const names = strangers.map(({ what }) => what);
  const facts = [...Map.groupBy(strangers, ({ why }) => why)].map(([why, [first, ...others]]) =>
    others.length === 0
      ? `${first!.what} already exists and ${why}.`
      : `${[first!, ...others].map(({ what }) => what).join(', ')} already exist, and each ${why}.`,
  );
  const them = names.length === 1 ? 'it' : 'them';
  const targets = names.map((what) => what.replace(' ', '/').replace(/^[^/]+/, (kind) => kind.toLowerCase()));
  const advice = `If nothing else needs ${them}, delete ${them}: \`kubectl delete -n ${namespace} ${targets.join(' ')}\`.`;
  const message = `${facts.join(' ')} ${advice}${withheldUntil(names, outcomes)}`;
  return [{ reason: 'ObjectNotOurs', message, objects: names }];
}

/** What waits for one of these objects, each as a sentence with a space before it. */
function withheldUntil(names: readonly string[], outcomes: readonly ChildOutcome[]): string {
  const withheld = outcomes.flatMap((outcome) => {
    if (!('result' in outcome) || outcome.result.action !== 'withheld') return [];
    const used = outcome.result.until.filter((what) => names.includes(what));
    if (used.length === 0) return [];
    return ` ${outcome.what} uses ${names.length === 1 ? 'it' : used.join(' and ')} and is neither created nor changed until then.`;
  });
  return withheld.join('');
}

function failureMessage(what: string, { error, failed }: Extract<ChildOutcome, { error: ApiError }>): string {
  const cause = shortened(inTermsOfSpec(error.message), maxCauseLength);
  const problem = `Cannot ${failed} ${what}: ${withPeriod(cause)}`;
  if (error.code === 'Timeout') return `${problem} An admission webhook may be slow. The operator retries.`;
  if (isTransient(error))
    return `${problem} The operator retries. If this persists, check the API server and its admission webhooks.`;
  const remedy = error.code === 'Invalid' ? 'Correct the spec.' : 'Correct what this names; the operator retries.';
  return `${problem} ${remedy}`;
}

/** Where a field of the DaemonSet comes from that the API server may reject. */
const agentFields: [field: RegExp, of: string][] = [
  [
    /\bspec\.template\.spec\.(?=(?:tolerations|affinity|nodeSelector|priorityClassName|imagePullSecrets)\b)/g,
    'spec.agent.',
  ],
  [/\bspec\.template\.spec\.containers\[0\]\.(?=(?:image|imagePullPolicy|resources)\b)/g, 'spec.agent.'],
  [/\bspec\.template\.(?:metadata\.)?labels\b/g, 'spec.agent.podLabels'],
  [/\bspec\.template\.(?:metadata\.)?annotations\b/g, 'spec.agent.podAnnotations'],
  [/\bspec\.updateStrategy\.rollingUpdate\.maxUnavailable\b/g, 'spec.agent.maxUnavailable'],
];

/** Names fields of the DaemonSet as the NetExporter does. */
function inTermsOfSpec(message: string): string {
  return agentFields.reduce((text, [field, of]) => text.replace(field, of), message);
}

function reasonOf(error: ApiError): 'ApplyFailed' | 'ApplyRejected' | 'WriteTimedOut' {
  if (error.code === 'Timeout') return 'WriteTimedOut';
  return isTransient(error) ? 'ApplyFailed' : 'ApplyRejected';
}
