import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SuspectKind } from '../../../src/contract/suspects.ts';
import { contradictions, isTold } from '../../judge/agreement.ts';

const suspect = (kind: SuspectKind, name: string) => ({
  ...{ kind, name, reason: 'Loss' as const, evidence: `${kind} ${name} is bad.`, since: 'then' },
});
const condition = (status: string, message = '') => ({ status, reason: 'R', message });
const healthy = { NetworkHealthy: condition('True'), DNSHealthy: condition('True') };

test('conditions that say what the suspects say', () => {
  assert.deepEqual(contradictions({ suspects: [], conditions: healthy }), []);
  const unknown = { NetworkHealthy: condition('Unknown'), DNSHealthy: condition('Unknown') };
  assert.deepEqual(contradictions({ suspects: [], conditions: unknown }), []);
  const suspects = [suspect('ZonePair', 'a<>b'), suspect('DNSServer', '10.0.0.1:53')];
  const conditions = {
    NetworkHealthy: condition('False', 'ZonePair a<>b is bad.'),
    DNSHealthy: condition('False', 'DNSServer 10.0.0.1:53 is bad. And more.'),
  };
  assert.deepEqual(contradictions({ suspects, conditions }), []);
});

test('a name outside the cluster does not make DNS unhealthy, one inside does', () => {
  assert.deepEqual(contradictions({ suspects: [suspect('Host', 'example.com.')], conditions: healthy }), []);
  assert.deepEqual(contradictions({ suspects: [suspect('Host', 'a.b.svc.cluster.local.')], conditions: healthy }), [
    'DNSHealthy is True with Host a.b.svc.cluster.local.',
  ]);
});

test('a condition that contradicts the suspects', () => {
  assert.deepEqual(contradictions({ suspects: [suspect('Node', 'n')], conditions: healthy }), [
    'NetworkHealthy is True with Node n',
  ]);
  const conditions = { ...healthy, NetworkHealthy: condition('False', 'Bad.') };
  assert.match(contradictions({ suspects: [], conditions })[0]!, /False without a suspect/);
  assert.match(contradictions({ suspects: [suspect('Node', 'n')], conditions })[0]!, /does not say "Node n is bad."/);
});

test('an Event about a pair names both ends, and is not older than the fault', () => {
  const regarding = { kind: 'NetExporter', name: 'nx' };
  const at = (second: number) => new Date(second * 1000).toISOString();
  const note = 'Link node-1 → node-2: 5 of 5 probes.';
  const events = [{ reason: 'SuspectFound', note, regarding, eventTime: at(10) }];
  assert.ok(isTold(events, 'SuspectFound', { name: 'node-1>node-2' }, 10_000));
  assert.ok(!isTold(events, 'SuspectFound', { name: 'node-1>node-3' }, 10_000));
  assert.ok(!isTold(events, 'SuspectCleared', { name: 'node-1>node-2' }, 10_000));
  assert.ok(!isTold(events, 'SuspectFound', { name: 'node-1>node-2' }, 11_000));
  const again = [{ ...events[0]!, series: { lastObservedTime: at(20) } }];
  assert.ok(isTold(again, 'SuspectFound', { name: 'node-1>node-2' }, 11_000));
});
