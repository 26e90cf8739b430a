import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentHistory, type AgentSample, agentFigures, growth } from '../../../soak/agent-verdict.ts';

const mebibyte = 2 ** 20;

/** Half an hour of one agent, seen every 5 s, and at rest every minute. */
function history(of: (minute: number) => Partial<AgentSample> = () => ({})): AgentHistory {
  const samples = Array.from({ length: 360 }, (_, n): AgentSample => {
    const resting = n % 12 === 0;
    const rocking = resting ? 0 : (n * 7) % 5;
    return {
      at: n * 5,
      workingSet: 20 * mebibyte + rocking * 1e5,
      anon: 19 * mebibyte + rocking * 1e5,
      descriptors: 21 + rocking,
      series: 120 + rocking * 100,
      resting,
      ...of(n / 12),
    };
  });
  return { agent: 'node-1', samples, ownErrors: { dns_error_total: 0 }, restarts: 0 };
}

const edits = { made: 3, reachedAfter: [1, 2, 3] };

function missed(histories: readonly AgentHistory[], made = edits): string[] {
  return agentFigures(histories, made).flatMap(({ name, ok }) => (ok === false ? [name] : []));
}

test('an agent that only rocks with its settings holds', () => {
  assert.deepEqual(missed([history(), history()]), []);
});

test('whatever grows all the time is seen, also when only one agent does', () => {
  const leaking = history((minute) => ({ anon: (19 + minute / 10) * mebibyte }));
  assert.deepEqual(missed([history(), leaking]), ['anon_growth_bytes']);
  assert.deepEqual(missed([history((minute) => ({ workingSet: (20 + minute / 10) * mebibyte }))]), [
    'working_set_growth_bytes',
  ]);
  assert.deepEqual(missed([history((minute) => ({ descriptors: 20 + minute }))]), ['resting_descriptors_growth']);
});

test('what grew while the agent warmed up is none', () => {
  assert.deepEqual(missed([history((minute) => ({ anon: (19 + Math.min(minute, 10) / 10) * mebibyte }))]), []);
});

test('a single series that stays behind at rest is seen', () => {
  assert.deepEqual(missed([history((minute) => ({ series: minute < 20 ? 120 : 121 }))]), ['resting_series_change']);
});

test('limits, own errors, restarts and edits that did not come there are seen', () => {
  assert.deepEqual(missed([history(() => ({ workingSet: 60 * mebibyte, descriptors: 500 }))]), [
    'working_set_max_bytes',
    'descriptors_max',
  ]);
  assert.deepEqual(missed([{ ...history(), ownErrors: { dns_error_total: 0, network_error_total: 1 } }]), [
    'own_errors',
  ]);
  assert.deepEqual(missed([{ ...history(), restarts: 1 }]), ['restarts']);
  assert.deepEqual(missed([history()], { made: 4, reachedAfter: [1, 2, 3] }), ['edits_not_reached']);
});

test('a run too short to see growth holds nothing', () => {
  assert.ok(Number.isNaN(growth(history().samples.slice(0, 2), 'anon')));
  assert.ok(missed([{ ...history(), samples: [] }]).includes('anon_growth_bytes'));
});
