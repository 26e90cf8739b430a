import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlertTime } from '../../alerts/alert-history.ts';
import { type AlertingFault, alertOutcomes } from '../../alerts/alert-outcomes.ts';

const fault: AlertingFault = {
  ...{ name: 'node_deaf', key: 'Node a', from: 1000, until: 1120 },
  ...{ must: ['NetExporterSuspectNode'], may: ['NetExporterDNSFailing', 'NetExporterDNSErrorBudget'] },
};
const fired: AlertTime = {
  ...{ alert: 'NetExporterSuspectNode', state: 'firing', labels: { kind: 'Node', name: 'a' } },
  ...{ from: 1095, until: 1480 },
};

test('an alert that its fault must make', () => {
  assert.deepEqual(alertOutcomes([{ ...fired, state: 'pending', from: 1035, until: 1090 }, fired], [fault]), {
    outcomes: [{ fault: 'node_deaf', alert: 'NetExporterSuspectNode', fired: 95, resolved: 360 }],
    unexpected: [],
  });
});

test('an alert that fires twice counts from the first time to the last', () => {
  const again = { ...fired, from: 1150, until: 1500 };
  const { outcomes } = alertOutcomes([fired, again], [fault]);
  assert.deepEqual(outcomes[0], { ...outcomes[0], fired: 95, resolved: 380 });
});

test('an alert that does not fire', () => {
  const pending: AlertTime = { ...fired, state: 'pending' };
  const { outcomes, unexpected } = alertOutcomes([pending], [fault]);
  assert.deepEqual([outcomes[0]!.fired, outcomes[0]!.resolved, unexpected], [undefined, undefined, []]);
});

test('no alert is expected about another suspect, before the fault, or long after it', () => {
  const others = [
    { ...fired, labels: { kind: 'Node', name: 'b' } },
    { ...fired, from: 990 },
    { ...fired, from: 1220 },
  ];
  assert.deepEqual(alertOutcomes(others, [fault]).unexpected, others);
});

test('an alert that a fault may make is expected for as long as its rates last', () => {
  const labels = { namespace: 'monitoring', netexporter: 'default' };
  const at = (alert: AlertTime['alert'], from: number): AlertTime => ({ ...fired, alert, labels, from });
  const expected = [at('NetExporterDNSFailing', 1520), at('NetExporterDNSErrorBudget', 3700)];
  const late = [at('NetExporterDNSFailing', 1550), at('NetExporterDNSErrorBudget', 3900)];
  const never = [at('NetExporterPacketLoss', 1100)];
  assert.deepEqual(alertOutcomes([...expected, ...late, ...never], [fault]).unexpected, [...late, ...never]);
});

test('each alert belongs to one of several faults', () => {
  const link: AlertingFault = { ...fault, name: 'link_cut', key: 'Link a b', must: ['NetExporterSuspectLink'] };
  const own: AlertTime = { ...fired, alert: 'NetExporterSuspectLink', labels: { kind: 'Link', name: 'a<>b' } };
  const { outcomes, unexpected } = alertOutcomes([fired, own], [fault, link]);
  assert.deepEqual(
    outcomes.map(({ fault: name, fired: after }) => [name, after]),
    [
      ['node_deaf', 95],
      ['link_cut', 95],
    ],
  );
  assert.deepEqual(unexpected, []);
});
