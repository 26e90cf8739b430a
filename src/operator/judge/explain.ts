import type { CandidateQueue } from './candidate-queue.ts';
import { isMixed } from './mixed.ts';
import { directionsOf, idOf, isWide, subjectOf } from './subjects.ts';
import type { Finding, Weigher } from './weigher.ts';

/** Maximum number of suspects of one explanation. */
const maxFindings = 64;

/** More suspects than this are not chosen anew. */
const maxRefined = 16;

/** So many streams are weighed without a break. */
const workPerSlice = 100_000;

/** When a suspect with so many streams is accepted, it is computed anew what others can score. */
const manyStreams = 500;

/** A wide suspect of which this share of streams is well is compared with several narrow ones. */
const doubtfulShare = 0.15;

/** Narrow ones are better than a mixed one if they explain this share of it: each of them has its own prior cost. */
const mixedShare = 0.6;

/** Maximum number of such comparisons, since each explains everything anew. */
const maxComparisons = 4;

/**
 * The most likely set of culprits under prior costs: greedy by score, then each is chosen anew given the others, then
 * wide ones are compared with narrow ones. Yields between slices of work.
 * Source: Harsh et al., "Flock: Accurate network fault localization at scale", CoNEXT 2023: greedy maximum likelihood.
 */
export function* explain(weigher: Weigher): Generator<void, Finding[]> {
  let findings = yield* chosen(weigher, new Set());
  const rejected = new Set<number>();
  for (let round = 0; round < maxComparisons; round++) {
    const doubtful = findings.find((finding) => isDoubtful(weigher, finding) && !rejected.has(idOf(finding.subject)));
    if (!doubtful) break;
    rejected.add(idOf(doubtful.subject));
    const others = yield* chosen(weigher, rejected);
    const needed = isMixed(weigher.tallies, doubtful) ? mixedShare : 1;
    if (total(weigher, others) <= needed * total(weigher, findings)) break;
    findings = others;
  }
  return findings;
}

function isDoubtful(weigher: Weigher, { subject, scope }: Finding): boolean {
  return isWide(subject) && weigher.wellShareOf(scope) >= doubtfulShare;
}

/** How well suspects explain everything together: each by what those before it leave. */
function total(weigher: Weigher, findings: readonly Finding[]): number {
  weigher.likelihood.reset();
  let sum = 0;
  for (const finding of findings) {
    sum += weigher.scoreOf(finding);
    weigher.likelihood.explain(finding.scope, finding.severity);
  }
  return sum;
}

function* chosen(weigher: Weigher, banned: ReadonlySet<number>): Generator<void, Finding[]> {
  weigher.likelihood.reset();
  const findings: Finding[] = [];
  const taken = new Set(banned);
  let queue = yield* weigher.candidates(taken);
  while (findings.length < maxFindings) {
    const finding = yield* nextOf(weigher, queue);
    if (!finding) break;
    findings.push(finding);
    taken.add(idOf(finding.subject));
    weigher.likelihood.explain(finding.scope, finding.severity);
    if (finding.scope.positions.length >= manyStreams) queue = yield* weigher.candidates(taken);
  }
  return yield* refined(weigher, findings, banned);
}

/** Chooses each suspect anew, given the others. */
function* refined(weigher: Weigher, findings: Finding[], banned: ReadonlySet<number>): Generator<void, Finding[]> {
  if (findings.length < 2 || findings.length > maxRefined) return findings;
  let current = findings;
  for (const finding of findings) {
    const others = current.filter((other) => other !== finding);
    weigher.likelihood.reset();
    for (const { scope, severity } of others) weigher.likelihood.explain(scope, severity);
    const taken = new Set([...banned, ...others.map(({ subject }) => idOf(subject))]);
    const best = yield* nextOf(weigher, yield* weigher.candidates(taken));
    current = best ? current.map((other) => (other === finding ? best : other)) : others;
  }
  return current;
}

/**
 * The subject with the highest score, which is removed from the queue. What was explained since a subject was weighed
 * can only have lowered its score, so only the top of the queue is weighed again.
 */
function* nextOf(weigher: Weigher, queue: CandidateQueue): Generator<void, Finding | undefined> {
  const weighed = new Map<number, Finding>();
  let paused = weigher.work;
  for (;;) {
    const top = queue.pop();
    if (!top) return undefined;
    const known = weighed.get(top.id);
    if (known) return known;
    const subject = subjectOf(top.id);
    let finding: Finding | undefined;
    for (const direction of directionsOf(subject, weigher.scene)) {
      finding = weigher.weigh(subject, direction, finding);
      if (weigher.work - paused < workPerSlice) continue;
      paused = weigher.work;
      yield;
    }
    weigher.remember(top.id, finding);
    if (!finding) continue;
    weighed.set(top.id, finding);
    queue.push({ id: top.id, most: finding.score });
  }
}
