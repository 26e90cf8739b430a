import type { Suspect } from '../../../../src/operator/judge/judge.ts';
import type { JudgedFleet } from '../../../../src/operator/judge/judged-fleet.ts';

/** A judgement of six agents that are well, with other parts where the test says so. */
export function judgedFleet(
  over: {
    verdict?: Partial<JudgedFleet['verdict']>;
    dns?: Partial<JudgedFleet['dns']>;
    network?: Partial<JudgedFleet['network']>;
    generation?: number;
    windowMs?: number;
  } = {},
): JudgedFleet {
  const part = { unknown: undefined, attempts: 360, failures: 0 };
  return {
    generation: over.generation ?? 7,
    judgedAt: Date.parse('2026-01-01T00:00:00Z'),
    windowMs: over.windowMs ?? 120_000,
    verdict: {
      ...{ suspects: [], raised: [], cleared: [], isWarming: false, agents: 6, reporting: 6, highestOther: 0 },
      ...over.verdict,
    },
    dns: { ...part, p50: 0.000_64, p99: 0.0048, servers: 3, hosts: 2, ...over.dns },
    network: {
      ...{ ...part, p50: 0.000_12, p99: 0.000_48 },
      links: { ok: 30, slow: 0, failing: 0, unreported: 0 },
      ...over.network,
    },
  };
}

/** A node that is dead. */
export function deadNode(over: Partial<Suspect> = {}): Suspect {
  return {
    kind: 'Node',
    name: 'node-7',
    reason: 'Unreachable',
    evidence: 'Node node-7 cannot be reached: 5 of 5 peers fail (31 of 31 probes in 30 s timed out).',
    since: Date.parse('2026-01-01T00:00:00Z'),
    ...over,
  };
}
