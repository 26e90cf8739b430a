import type { Scope } from './scopes.ts';
import { slotsPerWindow } from './stream-counts.ts';
import { isPath } from './subjects.ts';
import type { Tallies, Tally } from './tally.ts';
import type { Finding } from './weigher.ts';

/** Attempts and bad ones. */
interface Sums {
  attempts: number;
  bad: number;
}

/** So much better must the end of a fault explain the window than a fault that goes on, in nats. */
const enough = 3;

/** Share of bad attempts after the end of a fault. */
const healthyRate = 0.005;

/** Periods that begin when a fault that many see may have ended. */
const ends = ['half', 'now'] as const;

/** Fewer slots than this, of the latest ones, say nothing of the end of a fault that few see. */
const leastSlots = 3;

/**
 * Whether a fault that has ended explains the window better than one that goes on: with the rate of healthy streams
 * from some time on and its own rate before, against one rate for all. A hard fault that has ended looks like a soft
 * one. Of a path that only its ends see, with few attempts, each slot may be the one in which it ended.
 */
export function isOver({ subject, scope }: Pick<Finding, 'subject' | 'scope'>, tallies: Tallies): boolean {
  const all = sumsOf(scope, tallies.of('whole'));
  // A node that comes and goes is well for a while.
  if (!isPath(subject)) return ends.some((horizon) => hasEnded(all, sumsOf(scope, tallies.of(horizon))));
  const last: Sums = { attempts: 0, bad: 0 };
  for (let age = 0; age < slotsPerWindow / 2; age++) {
    for (const [index, at] of scope.positions.entries()) {
      if (scope.shares[index]! < 1) continue;
      const { attempts, bad } = tallies.inSlot(at, age);
      last.attempts += attempts;
      last.bad += bad;
    }
    if (age + 1 >= leastSlots && hasEnded(all, last)) return true;
  }
  return false;
}

function hasEnded(all: Sums, latest: Sums): boolean {
  // One bad attempt of late may be the last one of the fault, or chance.
  const last = latest.bad === 0 ? latest : { attempts: latest.attempts - 1, bad: latest.bad - 1 };
  const attempts = all.attempts - last.attempts;
  const bad = all.bad - last.bad;
  if (attempts <= 0 || last.attempts === 0 || bad * last.attempts <= last.bad * attempts) return false;
  const ended = logOf(bad, attempts, bad / attempts) + logOf(last.bad, last.attempts, healthyRate);
  return ended - logOf(all.bad, all.attempts, all.bad / all.attempts) > enough;
}

/** Logarithm of the likelihood of so many bad attempts. */
function logOf(bad: number, attempts: number, rate: number): number {
  const bounded = Math.min(0.98, Math.max(healthyRate, rate));
  return bad * Math.log(bounded) + (attempts - bad) * Math.log(1 - bounded);
}

/** Sums over the streams that are affected as a whole. */
export function sumsOf({ positions, shares }: Scope, tally: Tally): Sums {
  let attempts = 0;
  let bad = 0;
  for (let index = 0; index < positions.length; index++) {
    if (shares[index]! < 1) continue;
    attempts += tally.attempts[positions[index]!]!;
    bad += tally.bad[positions[index]!]!;
  }
  return { attempts, bad };
}
