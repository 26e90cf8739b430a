import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertNames, suspectAlerts } from '../../../../../src/contract/alerts.ts';
import { suspectRemedies } from '../../../../../src/contract/suspect-remedies.ts';
import { type SuspectKind, suspectKinds } from '../../../../../src/contract/suspects.ts';
import { type Firing, silence } from './promtool.ts';
import { small, testScenario } from './scenario.ts';
import { ofDefault } from './scopes.ts';

const names: [SuspectKind, string][] = [
  ['Node', 'node-1'],
  ['Node', 'node-2'],
  ['Link', 'node-1<>node-2'],
  ['ServicePath', 'node-1>agents'],
  ['ZonePair', 'a>b'],
  ['Zone', 'a'],
  ['DNSServer', '10.244.1.2:53'],
  ['Host', 'example.com.'],
];
const alertsOf = (kind: SuspectKind) =>
  names
    .filter(([other]) => other === kind)
    .map(([, name]) => ({
      labels: { ...ofDefault, kind, name },
      description: `The NetExporter monitoring/default has the suspect ${kind} ${name}. ${suspectRemedies[kind]} Its status has the evidence.`,
    }));
const firing: Firing = Object.fromEntries(suspectKinds.map((kind) => [suspectAlerts[kind], alertsOf(kind)]));

test('the kinds of suspects are those that have an alert', () => {
  assert.deepEqual(Object.keys(suspectAlerts), [...suspectKinds]);
  assert.deepEqual(
    alertNames.filter((name) => name.startsWith('NetExporterSuspect')),
    Object.values(suspectAlerts),
  );
});

const isFound = (minute: number) => minute >= 3 && minute < 12;
testScenario('suspects of each kind: an alert for each, also while the leader changes and reasons do, and no longer', {
  world: {
    ...small,
    minutes: 20,
    leader: (minute) => (minute < 6 ? 0 : minute < 8 ? -1 : 1),
    suspects: (minute) =>
      isFound(minute)
        ? names.map(([kind, name]) => ({ kind, name, reason: minute < 10 ? 'Loss' : ('Unreachable' as const) }))
        : [],
  },
  expected: {
    ...silence(0, 3),
    ...Object.fromEntries([5, 6, 7, 8, 9, 10, 11, 12, 13].map((minute) => [minute, firing])),
    ...silence(18, 20),
  },
  alsoForOne: true,
});

testScenario('suspects of another NetExporter are its own', {
  world: { ...small, minutes: 6 },
  others: [
    {
      ...small,
      minutes: 6,
      namespace: 'monitoring',
      name: 'default-2',
      suspects: () => [{ kind: 'Node', name: 'node-1', reason: 'Loss' }],
    },
  ],
  expected: {
    6: {
      NetExporterSuspectNode: [
        {
          labels: { namespace: 'monitoring', netexporter: 'default-2', kind: 'Node', name: 'node-1' },
          description: `The NetExporter monitoring/default-2 has the suspect Node node-1. ${suspectRemedies.Node} Its status has the evidence.`,
        },
      ],
    },
  },
});
