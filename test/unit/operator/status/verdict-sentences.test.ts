import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../../../src/crd/status.ts';
import { healthStatus } from '../../../../src/operator/status/health-status.ts';
import { monitorSentences, verdictSentences } from '../../../../src/operator/status/verdict-sentences.ts';
import { deadNode, judgedFleet } from '../judge/judgements.ts';

const condition = (type: string, status: Condition['status'], reason: string, message: string): Condition => ({
  ...{ type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' },
});

test('the verdict has the evidence of the status, worst first, and what is known of the other part', () => {
  const server = { kind: 'DNSServer', name: '10.1.0.1:53', reason: 'Unreachable', evidence: 'It is dead.' } as const;
  const shown = judgedFleet({ verdict: { suspects: [deadNode(), { ...server, since: 0 }] } });
  const found = [
    condition('DNSHealthy', 'False', 'SuspectsFound', 'x'),
    condition('NetworkHealthy', 'False', 'SuspectsFound', 'y'),
  ];
  const finding = { judged: shown, isSynced: true, isPaused: false, isWithoutNodes: false };
  const { suspects } = healthStatus(finding, undefined).fields;
  assert.deepEqual(
    verdictSentences(shown, found),
    suspects!.map(({ evidence }) => evidence),
  );
  const healthy = condition('DNSHealthy', 'True', 'NoSuspects', 'DNS is well.');
  const one = judgedFleet({ verdict: { suspects: [deadNode()] } });
  assert.deepEqual(verdictSentences(one, [healthy, found[1]!]), [deadNode().evidence, 'DNS is well.']);
});

test('without a suspect the conditions say what is known, and before the first one nothing is', () => {
  const warming = condition('DNSHealthy', 'Unknown', 'Warming', 'Wait.');
  const disabled = condition('NetworkHealthy', 'Unknown', 'Disabled', 'It is off.');
  assert.deepEqual(verdictSentences(judgedFleet(), [warming, disabled]), ['Wait.', 'It is off.']);
  assert.deepEqual(verdictSentences(undefined, []), []);
});

test('the monitoring itself is well unless Ready, Stalled or ConfigPropagated say otherwise, each message once', () => {
  const well = [
    condition('Ready', 'True', 'AgentsReady', 'a'),
    condition('Stalled', 'False', 'NoObstacle', 'b'),
    condition('ConfigPropagated', 'True', 'AgentsConfigured', 'c'),
    condition('Reconciling', 'True', 'RollingOut', 'd'),
    condition('NetworkHealthy', 'False', 'SuspectsFound', 'e'),
  ];
  assert.deepEqual(monitorSentences(well), []);
  const stalled = [
    condition('Ready', 'False', 'PodsRefused', 'No room.'),
    condition('Stalled', 'True', 'PodsRefused', 'No room.'),
    condition('ConfigPropagated', 'Unknown', 'Warming', 'Wait.'),
  ];
  assert.deepEqual(monitorSentences(stalled), ['No room.', 'Wait.']);
});
