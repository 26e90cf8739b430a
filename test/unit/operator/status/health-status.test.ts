import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { maxSuspectName, type SuspectKind, suspectKinds } from '../../../../src/contract/suspects.ts';
import { NetExporterStatusSchema } from '../../../../src/crd/status.ts';
import { type HealthFinding, healthStatus, latencyText } from '../../../../src/operator/status/health-status.ts';
import { deadNode, judgedFleet } from '../judge/judgements.ts';

const known: HealthFinding = { judged: judgedFleet(), isSynced: true, isPaused: false, isWithoutNodes: false };

const healthOf = (judged: Parameters<typeof judgedFleet>[0], over: Partial<HealthFinding> = {}) =>
  healthStatus({ ...known, judged: judgedFleet(judged), ...over }, undefined);

/** Status and reason of both conditions. */
function verdicts({ conditions }: ReturnType<typeof healthStatus>): string[] {
  return Object.values(conditions).map(([holds, { reason }]) => `${holds} ${reason}`);
}

const dead = deadNode();
const ofKind = (kind: SuspectKind, name = kind.toLowerCase()) =>
  deadNode({ kind, name, evidence: `${kind} ${name} is at fault.` });

test('a fleet that is well has its figures, no suspect and both conditions True', () => {
  const { fields, conditions, generation } = healthOf({});
  assert.deepEqual(fields, {
    dns: { servers: 3, hosts: 2, failing: 0, p50: '640µs', p99: '4.8ms' },
    network: { links: 30, failing: 0, p50: '120µs', p99: '480µs' },
    suspects: [],
    suspectSummary: 'none',
  });
  assert.equal(generation, 7);
  const [network, dns] = [conditions.NetworkHealthy, conditions.DNSHealthy];
  assert.deepEqual([network[0], dns[0]], [true, true]);
  assert.equal(network[1].message, 'The reports of the last 2m show no fault of a node, link, Service path or zone.');
  assert.equal(dns[1].message, 'The reports of the last 2m show no fault of a DNS server or of a name of the cluster.');
});

const expected: Record<SuspectKind, [dns: string, network: string]> = {
  Node: ['true NoSuspects', 'false SuspectsFound'],
  Link: ['true NoSuspects', 'false SuspectsFound'],
  ServicePath: ['true NoSuspects', 'false SuspectsFound'],
  ZonePair: ['true NoSuspects', 'false SuspectsFound'],
  Zone: ['true NoSuspects', 'false SuspectsFound'],
  DNSServer: ['false SuspectsFound', 'true NoSuspects'],
  Host: ['true NoSuspects', 'true NoSuspects'],
};
for (const kind of suspectKinds)
  test(`a suspect of the kind ${kind} makes DNSHealthy and NetworkHealthy ${expected[kind].join(' and ')}`, () => {
    const status = healthOf({ verdict: { suspects: [ofKind(kind, 'example.com')] } });
    assert.deepEqual(verdicts(status), expected[kind]);
    assert.equal(status.fields.suspectSummary, `${kind} example.com`);
    assert.equal(status.fields.suspects?.length, 1);
  });

for (const [host, isOfCluster] of [
  ['kubernetes.default.svc.cluster.local.', true],
  ['kubernetes.default.svc', true],
  ['db-0.db.shop.svc.corp.example.', true],
  ['10-0-0-1.shop.pod.cluster.local.', true],
  ['redis', true],
  ['example.com', false],
  ['svc.example.com.', false],
  ['localhost.', false],
] as const)
  test(`that ${host} has no answer makes DNSHealthy ${isOfCluster ? 'False' : 'not False'}`, () => {
    const [dns] = verdicts(healthOf({ verdict: { suspects: [ofKind('Host', host)] } }));
    assert.equal(dns, isOfCluster ? 'false SuspectsFound' : 'true NoSuspects');
  });

test('the message has the window, the worst suspects with their evidence, and what to do', () => {
  const suspects = [dead, ...['a', 'b', 'c', 'd'].map((name) => ofKind('Link', `${name}>x`))];
  const [holds, { message }] = healthOf({ windowMs: 90_000, verdict: { suspects } }).conditions.NetworkHealthy;
  assert.equal(holds, false);
  assert.equal(
    message,
    `5 suspects in the reports of the last 90s: ${dead.evidence} Link a>x is at fault. Link b>x is at fault. And 2 more in status.suspects. Check the network interface, firewall rules and CNI agent of the node, and drain it if that does not help.`,
  );
});

test('what to do is in the message, however long the names are', () => {
  const suspects = suspectKinds.map((kind) => ({ ...ofKind(kind, 'x'.repeat(253)), evidence: 'y'.repeat(5000) }));
  for (const [, { message }] of Object.values(healthOf({ verdict: { suspects } }).conditions)) {
    assert.ok(message.length <= 1000, `${message.length}`);
    assert.match(message, /Check .*\.$/);
  }
});

const unknown: [string, Parameters<typeof judgedFleet>[0], Partial<HealthFinding>, [string, string], RegExp][] = [
  ['no sync', {}, { isSynced: false, judged: undefined }, ['NotSynced', 'NotSynced'], /does not sync with agents/],
  ['no judgement yet', {}, { judged: undefined }, ['Warming', 'Warming'], /waits for the first reports/],
  ['a new leader', { verdict: { isWarming: true } }, {}, ['Warming', 'Warming'], /waits for the first reports/],
  [
    'suspects that a new leader has taken over',
    { verdict: { isWarming: true, suspects: [dead] } },
    {},
    ['Warming', 'Warming'],
    /waits for the first reports/,
  ],
  ['a pause before the first judgement', {}, { judged: undefined, isPaused: true }, ['Paused', 'Paused'], /paused/],
  [
    'a pause since before this operator led',
    { dns: { unknown: 'NotSynced' }, network: { unknown: 'NotSynced' } },
    { isPaused: true },
    ['Paused', 'Paused'],
    /paused/,
  ],
  [
    'agents without targets',
    { dns: { unknown: 'NotSynced' }, network: { unknown: 'NotSynced' } },
    {},
    ['NotSynced', 'NotSynced'],
    /see ConfigPropagated/,
  ],
  ['no nodes', {}, { isWithoutNodes: true }, ['NoNodes', 'NoNodes'], /no node matches spec\.agent\.nodeSelector/],
  [
    'intervals that are too long',
    { windowMs: 1_800_000, dns: { unknown: 'IntervalTooLong' }, network: { unknown: 'IntervalTooLong' } },
    {},
    ['IntervalTooLong', 'IntervalTooLong'],
    /take 30m, and at most 15m are judged\. Set .* at most 150s\.$/,
  ],
  [
    'agents that do not report',
    { verdict: { reporting: 0 }, dns: { unknown: 'NoReports' }, network: { unknown: 'NoReports' } },
    {},
    ['NoReports', 'NoReports'],
    /^Only 0 of 6 agents report\. Check ConfigPropagated/,
  ],
  [
    'few agents that report',
    { verdict: { reporting: 2 } },
    {},
    ['NoReports', 'NoReports'],
    /^Only 2 of 6 agents report/,
  ],
];
for (const [what, judged, over, reasons, message] of unknown)
  test(`with ${what} both conditions are Unknown: ${reasons[0]}`, () => {
    const status = healthOf(judged, over);
    assert.deepEqual(
      verdicts(status),
      reasons.map((reason) => `Unknown ${reason}`),
    );
    for (const [, verdict] of Object.values(status.conditions)) assert.match(verdict.message, message);
    const count = status.fields.suspects?.length ?? 0;
    assert.equal(status.fields.suspectSummary, count > 0 ? 'Node node-7' : 'unknown');
  });

test('what is turned off, or has no peer, is Unknown, and the other part is judged', () => {
  assert.deepEqual(verdicts(healthOf({ dns: { unknown: 'Disabled' } })), ['Unknown Disabled', 'true NoSuspects']);
  assert.deepEqual(verdicts(healthOf({ network: { unknown: 'Disabled' } })), ['true NoSuspects', 'Unknown Disabled']);
  const alone = healthOf({ network: { unknown: 'NoPeers' } });
  assert.deepEqual(verdicts(alone), ['true NoSuspects', 'Unknown NoPeers']);
  assert.equal(alone.fields.suspectSummary, 'none');
  assert.match(alone.conditions.NetworkHealthy[1].message, /at least two nodes\.$/);
});

test('a suspect counts although most agents no longer report, because that may be its doing', () => {
  const status = healthOf({ verdict: { reporting: 2, suspects: [ofKind('Zone', 'a')] } });
  assert.deepEqual(verdicts(status), ['Unknown NoReports', 'false SuspectsFound']);
});

test('while a NetExporter is paused it is judged by the plan that there is', () => {
  assert.deepEqual(verdicts(healthOf({}, { isPaused: true })), ['true NoSuspects', 'true NoSuspects']);
});

test('until the first judgement of a new leader the figures and suspects of the one before stay', () => {
  const { fields } = healthOf({ verdict: { suspects: [dead, ofKind('Host')] } });
  const before = { ...fields, observedGeneration: 3 };
  const after = healthStatus({ ...known, judged: undefined }, before);
  assert.deepEqual(after.fields, fields);
  assert.deepEqual(verdicts(after), ['Unknown Warming', 'Unknown Warming']);
  const unsynced = healthStatus({ ...known, judged: undefined, isSynced: false }, before);
  assert.deepEqual(unsynced.fields, { suspectSummary: 'unknown' });
});

test('a status has at most 20 suspects, each within the bounds of the CRD, and counts all of them', () => {
  const suspects = Array.from({ length: 57 }, (_, index) =>
    deadNode({ kind: 'ServicePath', name: `${index}`.padEnd(maxSuspectName, 'x'), evidence: 'y'.repeat(5000) }),
  );
  const { fields } = healthOf({
    verdict: { suspects },
    network: { links: { ok: 1, slow: 2, failing: 9, unreported: 3 } },
  });
  assert.equal(Check(NetExporterStatusSchema as never, fields), true);
  assert.equal(fields.suspects?.length, 20);
  assert.match(fields.suspectSummary!, /^ServicePath 0x+ \+56$/);
  assert.deepEqual(fields.suspects![0]!.since, '2026-01-01T00:00:00Z');
  assert.deepEqual([fields.network?.links, fields.network?.failing], [15, 9]);
});

test('failing links are those of a fault: without a suspect a lost probe is none', () => {
  const links = { ok: 29, slow: 0, failing: 1, unreported: 0 };
  assert.equal(healthOf({ network: { links } }).fields.network?.failing, 0);
});

for (const [seconds, text] of [
  [0.000_123_4, '120µs'],
  [0.000_000_9, '0.9µs'],
  [0.000_999_9, '1ms'],
  [0.0048, '4.8ms'],
  [0.123, '120ms'],
  [0.9999, '1s'],
  [2.14, '2.1s'],
  [33_000, '33000s'],
] as const)
  test(`${seconds} s is written as ${text}`, () => assert.equal(latencyText(seconds), text));
