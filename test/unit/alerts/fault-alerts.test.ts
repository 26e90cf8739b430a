import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suspectAlerts } from '../../../src/contract/alerts.ts';
import { faultAlerts } from '../../alerts/fault-alerts.ts';
import { judgedFaults } from '../../judge/faults.ts';

test('each fault has its alerts, and each but a frozen DNS server must make the one about its suspect', () => {
  assert.deepEqual(Object.keys(faultAlerts).sort(), judgedFaults.map(({ name }) => name).sort());
  const suspects: readonly string[] = Object.values(suspectAlerts);
  const without = Object.entries(faultAlerts).filter(
    ([, { must }]) => must.length !== 1 || !suspects.includes(must[0]!),
  );
  assert.deepEqual(
    without.map(([name]) => name),
    ['dns_frozen'],
  );
});

test('no alert is one that a fault both must and may make', () => {
  for (const [name, { must, may }] of Object.entries(faultAlerts))
    assert.deepEqual(
      must.filter((alert) => may.includes(alert)),
      [],
      name,
    );
});
