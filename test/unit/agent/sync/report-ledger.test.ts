import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Target } from '../../../../src/agent/plan/targets.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';
import { type ReportEvents, ReportLedger } from '../../../../src/agent/sync/report-ledger.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import type { Report, TargetReport } from '../../../../src/protocol/report.ts';
import { decodeSyncRequest, encodeSyncRequest, maxRequestBytes } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { dnsTarget, echoTarget, networkTarget, ntpTarget } from '../target-builder.ts';

const result = (changes: Partial<ProbeResult> = {}): ProbeResult => ({
  latencies: [0.0001],
  failures: [],
  retransmits: 0,
  timing: 'kernel',
  ...changes,
});
const setUp = () => {
  const clock = new FakeClock();
  const dropped: [string, number][] = [];
  const events: ReportEvents = { dropped: (...what) => dropped.push(what) };
  return { clock, ledger: new ReportLedger(clock, events, 'stream'), dropped };
};
const bodyOf = (report: Report) => encodeSyncRequest({ version: 1, held: {}, report });

test('a report says of each target what its turns found, under the labels of its metrics', () => {
  const { ledger } = setUp();
  const dial: Target = networkTarget('10.2.0.2');
  dial.labels.peer_node = 'node-b';
  dial.labels.peer_zone = 'zone-1';
  ledger.record(dial, result({ latencies: [0.0001, 0.0001, 0.03] }));
  ledger.record(dial, result({ latencies: [], failures: ['timeout'], retransmits: 2 }));
  ledger.record(dial, result({ latencies: [], failures: ['timeout', 'refused'] }));
  const losses = { forward: 1, return: 0, unknown: 2 };
  ledger.record(echoTarget('10.2.0.3'), result({ latencies: [], failures: ['lost'], losses }));
  ledger.record(echoTarget('10.2.0.3'), result({ losses }));
  ledger.record(dnsTarget('a.'), result());
  ledger.record(ntpTarget('10.0.0.123'), result({ latencies: [], failures: ['kiss_of_death'] }));
  const [network, echo, dns, ntp] = ledger.report()!.targets;
  const nothing = { server: '', type: '', node: '', zone: '', retransmits: 0 };
  assert.deepEqual(network, {
    ...{ ...nothing, probe: 'network', host: '10.2.0.2:8000', protocol: 'TCP', node: 'node-b', zone: 'zone-1' },
    ...{ attempts: 6, failures: { timeout: 2, refused: 1 }, retransmits: 2 },
    latencies: [
      [sketchIndex(0.0001), 2],
      [sketchIndex(0.03), 1],
    ],
  });
  assert.deepEqual(echo, {
    ...{ ...nothing, probe: 'network', host: '10.2.0.3:8000', protocol: 'UDP' },
    ...{ attempts: 2, failures: { lost: 1 }, latencies: [[sketchIndex(0.0001), 1]] },
    losses: { forward: 2, return: 0, unknown: 4 },
  });
  assert.deepEqual(dns, {
    ...{ ...nothing, probe: 'dns', host: 'a.', server: '10.96.0.10:53', protocol: 'UDP', type: 'A' },
    ...{ attempts: 1, failures: {}, latencies: [[sketchIndex(0.0001), 1]] },
  });
  assert.deepEqual(ntp, {
    ...{ ...nothing, probe: 'ntp', host: '10.0.0.123:123', protocol: 'UDP' },
    ...{ attempts: 1, failures: { kiss_of_death: 1 }, latencies: [] },
  });
});

test('a report is the same until it is acknowledged; what comes meanwhile is in the next', async () => {
  const { clock, ledger } = setUp();
  ledger.record(dnsTarget('a.'), result());
  await clock.advanceAsync(15_000);
  const first = ledger.report()!;
  const text = bodyOf(first);
  ledger.record(dnsTarget('a.'), result());
  ledger.record(dnsTarget('b.'), result());
  await clock.advanceAsync(15_000);
  assert.equal(bodyOf(ledger.report()!), text);
  ledger.acknowledge({ stream: 'stream', sequence: 1 });
  const second = ledger.report()!;
  assert.deepEqual([first.sequence, first.spanMs, second.sequence, second.spanMs], [1, 15_000, 2, 15_000]);
  assert.deepEqual(
    second.targets.map(({ host, attempts }) => [host, attempts]),
    [
      ['a.', 1],
      ['b.', 1],
    ],
  );
});

test('an acknowledgement of another report is passed over: an old answer’s, another process’s, one never sent', () => {
  const { ledger } = setUp();
  ledger.acknowledge({ stream: 'stream', sequence: 1 });
  ledger.record(dnsTarget('a.'), result());
  const first = ledger.report();
  for (const other of [
    { stream: 'other', sequence: 1 },
    { stream: 'stream', sequence: 2 },
  ])
    ledger.acknowledge(other);
  assert.equal(ledger.report(), first);
  ledger.acknowledge({ stream: 'stream', sequence: 1 });
  ledger.record(dnsTarget('a.'), result());
  const second = ledger.report();
  ledger.acknowledge({ stream: 'stream', sequence: 1 });
  assert.equal(ledger.report(), second);
});

test('where nothing happened there is nothing to report, and the next report is of the time since then', async () => {
  const { clock, ledger } = setUp();
  assert.equal(ledger.report(), undefined);
  await clock.advanceAsync(60_000);
  assert.equal(ledger.report(), undefined);
  await clock.advanceAsync(1000);
  ledger.record(dnsTarget('a.'), result());
  assert.deepEqual([ledger.report()?.sequence, ledger.report()?.spanMs], [1, 1000]);
});

test('each process has a stream of its own', () => {
  const streams = Array.from({ length: 100 }, () => {
    const ledger = new ReportLedger(new FakeClock(), { dropped() {} });
    ledger.record(dnsTarget('a.'), result());
    return ledger.report()!.stream;
  });
  assert.equal(new Set(streams).size, 100);
});

test('a target that is gone is reported once more and then forgotten', () => {
  const { ledger } = setUp();
  ledger.record(dnsTarget('a.'), result());
  ledger.plan([dnsTarget('b.')]);
  ledger.record(dnsTarget('b.'), result());
  assert.deepEqual(
    ledger.report()!.targets.map(({ host }) => host),
    ['a.', 'b.'],
  );
  ledger.acknowledge({ stream: 'stream', sequence: 1 });
  assert.equal(ledger.report(), undefined);
});

test('results that cannot be encoded are dropped and counted, and hold up no others', () => {
  const { ledger, dropped } = setUp();
  const broken = (host: string) => {
    const target = dnsTarget('x.');
    target.key = host;
    target.labels.host = host;
    return target;
  };
  ledger.record(dnsTarget('a.'), result());
  ledger.record(broken('y'.repeat(300)), result());
  ledger.record(dnsTarget('b.'), result({ retransmits: 2_000_000_000 }));
  ledger.record(dnsTarget('c.'), result({ latencies: [], failures: ['no such reason' as never] }));
  ledger.record(dnsTarget('d.'), result());
  const report = ledger.report()!;
  assert.deepEqual(
    report.targets.map(({ host }) => host),
    ['a.', 'd.'],
  );
  assert.deepEqual(dropped, [['invalid', 3]]);
  assert.equal(report.sequence, 1);
  ledger.acknowledge(report);
  ledger.record(broken(''), result());
  assert.equal(ledger.report(), undefined);
  assert.deepEqual(dropped.at(-1), ['invalid', 1]);
  ledger.record(dnsTarget('e.'), result());
  assert.equal(ledger.report()?.sequence, 2);
});

test('a report that the operator rejects is dropped and counted, and the next one is another', () => {
  const { ledger, dropped } = setUp();
  ledger.reject();
  assert.deepEqual(dropped, []);
  ledger.record(dnsTarget('a.'), result());
  ledger.record(dnsTarget('b.'), result());
  ledger.report();
  ledger.reject();
  assert.deepEqual(dropped, [['rejected', 2]]);
  assert.equal(ledger.report(), undefined);
  ledger.record(dnsTarget('a.'), result());
  assert.equal(ledger.report()?.sequence, 2);
});

test('while the operator is away, targets that come and go do not fill the memory', () => {
  const { ledger, dropped } = setUp();
  for (let round = 0; round < 300; round++) {
    const targets = Array.from({ length: 20 }, (_, n) => dnsTarget(`${round}-${n}.`));
    ledger.plan(targets);
    for (const target of targets) ledger.record(target, result());
  }
  const hosts: string[] = [];
  for (let report = ledger.report(); report; report = ledger.report()) {
    hosts.push(...report.targets.map(({ host }) => host));
    ledger.acknowledge(report);
  }
  assert.equal(hosts.length, 520);
  assert.equal(
    dropped.reduce((sum, [reason, count]) => sum + (reason === 'removed' ? count : 0), 0),
    300 * 20 - 520,
  );
  assert.deepEqual(
    hosts.slice(-20),
    Array.from({ length: 20 }, (_, n) => `299-${n}.`),
  );
});

test('the most targets that settings can ask for, with the longest names, go out in requests that are small enough, those that wait longest first', async () => {
  const { clock, ledger } = setUp();
  const name = (n: number) => `${`${n}`.padStart(240, 'x')}.example.`;
  const many = (count: number, first = 0) => Array.from({ length: count }, (_, n) => dnsTarget(name(first + n)));
  for (const target of many(3000)) ledger.record(target, result({ latencies: [0.0001, 0.001, 0.01], retransmits: 1 }));
  const seen: string[] = [];
  for (let report = ledger.report(); report; report = ledger.report()) {
    assert.ok(Buffer.byteLength(bodyOf(report)) <= maxRequestBytes);
    assert.equal(report.spanMs, clock.monotonic());
    seen.push(...report.targets.map(({ host }) => host));
    ledger.acknowledge(report);
    await clock.advanceAsync(1000);
  }
  assert.deepEqual(
    seen,
    many(3000).map(({ labels }) => labels.host),
  );
});

/** What can happen between an agent and its operator. */
type Step =
  | { kind: 'record'; target: number; latencies: number[]; failures: ProbeResult['failures']; retransmits: number }
  | { kind: 'plan'; targets: number[] }
  | { kind: 'exchange'; fate: 'answered' | 'request lost' | 'answer lost' | 'answered late' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('record' as const),
    target: fc.integer({ min: 0, max: 5 }),
    latencies: fc.array(fc.double({ min: 1e-6, max: 5, noNaN: true }), { maxLength: 3 }),
    failures: fc.array(fc.constantFrom('timeout' as const, 'refused' as const, 'lost' as const), { maxLength: 3 }),
    retransmits: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({ kind: fc.constant('plan' as const), targets: fc.array(fc.integer({ min: 0, max: 5 })) }),
  fc.record({
    kind: fc.constant('exchange' as const),
    fate: fc.constantFrom('answered', 'request lost', 'answer lost', 'answered late'),
  }),
);

/** Adds up reports as the operator does: each sequence of a stream once, the last one it has seen acknowledged. */
class Tally {
  readonly sums = new Map<string, number>();
  #taken = 0;

  take(body: string): { stream: string; sequence: number } {
    const report = decodeSyncRequest(body).report!;
    if (report.sequence > this.#taken) for (const target of report.targets) this.#add(target);
    assert.ok(report.sequence <= this.#taken + 1, 'no report is left out');
    this.#taken = Math.max(this.#taken, report.sequence);
    return report;
  }

  add(key: string, count: number): void {
    if (count > 0) this.sums.set(key, (this.sums.get(key) ?? 0) + count);
  }

  #add({ host, attempts, failures, retransmits, latencies }: TargetReport): void {
    this.add(`${host} attempts`, attempts);
    this.add(`${host} retransmits`, retransmits);
    for (const [reason, count] of Object.entries(failures)) this.add(`${host} ${reason}`, count);
    for (const [index, count] of latencies) this.add(`${host} bucket ${index}`, count);
  }
}

test('whatever requests and answers are lost, late or repeated, the sum of what the operator took is what was recorded', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const ledger = new ReportLedger(new FakeClock(), { dropped() {} });
      const recorded = new Tally();
      const operator = new Tally();
      const late: { stream: string; sequence: number }[] = [];
      const exchange = (fate: string) => {
        const report = ledger.report();
        if (!report || fate === 'request lost') return;
        const acknowledged = operator.take(bodyOf(report));
        if (fate === 'answered') ledger.acknowledge(acknowledged);
        else if (fate === 'answered late') late.push(acknowledged);
        // A replayed answer, long after its time.
        else if (late.length > 0) ledger.acknowledge(late.shift()!);
      };
      for (const happens of steps) {
        if (happens.kind === 'exchange') exchange(happens.fate);
        else if (happens.kind === 'plan') ledger.plan(happens.targets.map((n) => dnsTarget(`${n}.`)));
        else {
          const host = `${happens.target}.`;
          ledger.record(dnsTarget(host), { ...happens, timing: 'clock' });
          recorded.add(`${host} attempts`, happens.latencies.length + happens.failures.length);
          recorded.add(`${host} retransmits`, happens.retransmits);
          for (const reason of happens.failures) recorded.add(`${host} ${reason}`, 1);
          for (const seconds of happens.latencies) recorded.add(`${host} bucket ${sketchIndex(seconds)}`, 1);
        }
      }
      // In the end the operator is there, for what waits for its acknowledgement and for what has gathered since.
      for (let times = 0; times < 3; times++) exchange('answered');
      assert.equal(ledger.report(), undefined);
      assert.deepEqual(new Map([...operator.sums].sort()), new Map([...recorded.sums].sort()));
    }),
    { numRuns: 500 },
  );
});
