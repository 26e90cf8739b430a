import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sketchIndex } from '../../../src/protocol/latency-sketch.ts';
import { decodeReport, encodeReport, type Report, type TargetReport } from '../../../src/protocol/report.ts';
import { broken, readOrRefuse, reports } from './documents.ts';

/** What comes off the wire. */
function received(report: Report): unknown {
  return JSON.parse(JSON.stringify(encodeReport(report)));
}

const target: TargetReport = {
  probe: 'network',
  host: '10.64.0.1:8000',
  server: '',
  protocol: 'TCP',
  type: '',
  node: 'node-1',
  zone: 'zone-a',
  attempts: 7,
  failures: { timeout: 2, reset: 1 },
  retransmits: 3,
  latencies: [
    [50, 1],
    [52, 3],
  ],
};
const report: Report = { stream: 'a1b2', sequence: 4, spanMs: 15_000, targets: [target] };

test('a report survives being written and read', () => {
  fc.assert(fc.property(reports, (given) => assert.deepEqual(decodeReport(received(given)), given)));
});

test('each word of a report is written once, and nothing where there is nothing to say', () => {
  const quiet: TargetReport = { ...target, attempts: 1, failures: {}, retransmits: 0, latencies: [[50, 1]] };
  const idle: TargetReport = { ...quiet, host: '10.64.0.2:8000', attempts: 0, latencies: [] };
  assert.deepEqual(encodeReport({ ...report, targets: [target, quiet, idle] }), [
    'a1b2',
    4,
    15_000,
    ['network', 'TCP', '10.64.0.1:8000', 'node-1', 'zone-a', 'timeout', 'reset', '10.64.0.2:8000'],
    [
      [1, 2, 0, 3, 0, 4, 5, [50, 52, -3], [6, 2, 7, 1], 3],
      [1, 2, 0, 3, 0, 4, 5, [50]],
      [1, 2, 0, 8, 0, 4, 5],
    ],
  ]);
});

test('a report of 15 s at the defaults is at most 1.4 kB', () => {
  const host = 'kubernetes.default.svc.cluster.local.';
  const latencies = (seconds: number): TargetReport['latencies'] => [
    [sketchIndex(seconds), 1],
    [sketchIndex(seconds * 2), 1],
  ];
  const measured = { failures: {}, retransmits: 0, attempts: 2 };
  const dns = ['10.96.0.10:53', '10.64.200.101:53', '10.64.200.102:53'].flatMap((server) =>
    ['UDP', 'TCP'].map(
      (protocol): TargetReport => ({
        ...{ probe: 'dns', host, server, protocol, type: 'A', node: '', zone: '', latencies: latencies(0.0004) },
        ...measured,
      }),
    ),
  );
  const peers = Array.from({ length: 10 }, (_, index): TargetReport => {
    const [node, zone] = [
      `ip-10-64-212-${100 + index}.eu-central-1.compute.internal`,
      `eu-central-1${'abc'[index % 3]}`,
    ];
    return {
      ...{ probe: 'network', host: `10.64.212.${100 + index}:8000`, server: '', protocol: 'TCP', type: '', node, zone },
      ...{ latencies: latencies(0.0001), ...measured },
    };
  });
  const stream = '0123456789abcdef';
  const text = JSON.stringify(encodeReport({ stream, sequence: 5760, spanMs: 15_012, targets: [...dns, ...peers] }));
  assert.ok(text.length <= 1434, `${text.length} bytes`);
});

test('what a newer writer adds at the end of an array is ignored', () => {
  const [stream, sequence, spanMs, words, [encoded]] = encodeReport({
    ...report,
    targets: [{ ...target, losses: { forward: 1, return: 2, unknown: 3 } }],
  }) as [string, number, number, string[], [unknown[]]];
  const losses = [...(encoded.at(-1) as number[]), 9];
  const newer = [stream, sequence, spanMs, words, [[...encoded.slice(0, -1), losses, 'more']], 'more'];
  assert.deepEqual(decodeReport(newer).targets[0]!.losses, { forward: 1, return: 2, unknown: 3 });
});

test('a report that cannot be used is refused by the name of its part', () => {
  const words = ['network', 'TCP', 'host', 'timeout'];
  const of = (...encoded: unknown[]) => ['a', 1, 0, words, [encoded]];
  for (const [value, message] of [
    [null, /the document must be a list/],
    [['', 1, 0, [], []], /stream must be a string of 1 to 64/],
    [['a', 0, 0, [], []], /sequence must be a whole number from 1/],
    [['a', 1, -1, [], []], /spanMs/],
    [['a', 1, 0, {}, []], /words must be a list/],
    [['a', 1, 0, [''], []], /words\[0\]/],
    [['a', 1, 0, [], Array(1001).fill([])], /targets must be a list of at most 1000/],
    [['a', 1, 0, [], [1]], /targets\[0\] must be a list/],
    [of(3, 2, 0, 3), /targets\[0\]\.probe must be one of dns, network, ntp, got "host"/],
    [of(1, 2, 0), /targets\[0\]\.host/],
    [of(1, 2, 0, 5), /targets\[0\]\.host must be a whole number from 0 to 4/],
    [of(1, 2, 0, 3, 0, 0, 0, [-2]), /latencies must have a count only after its bucket/],
    [of(1, 2, 0, 3, 0, 0, 0, [5, -2, -2]), /latencies must have a count only after its bucket/],
    [of(1, 2, 0, 3, 0, 0, 0, [5, 5]), /latencies must name buckets from 0 to 255 in ascending order/],
    [of(1, 2, 0, 3, 0, 0, 0, [256]), /latencies must name buckets/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [2, 1]), /failures\[0\] must be one of timeout/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [4, 0]), /failures\[1\] must be a whole number from 1/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [4]), /failures\[1\]/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [4, 1, 4, 1]), /failures\[2\] must not repeat timeout/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [], -1), /retransmits/],
    [of(1, 2, 0, 3, 0, 0, 0, [], [], 0, [1, 2]), /losses must have three counts/],
  ] as const)
    assert.throws(() => decodeReport(value), { name: 'ProtocolError', code: 'InvalidReport', message });
});

test('a report that contradicts itself is not written', () => {
  for (const [wrong, message] of [
    [{ attempts: 8 }, /attempts must equal the number of latencies and failures, 7, got 8/],
    [
      {
        latencies: [
          [52, 3],
          [50, 1],
        ],
      },
      /targets\[0\]\.latencies must name buckets .* in ascending order/,
    ],
    [{ retransmits: 0.5 }, /targets\[0\]\.retransmits/],
    [{ host: '' }, /targets\[0\]\.host/],
  ] as const)
    assert.throws(() => encodeReport({ ...report, targets: [{ ...target, ...(wrong as Partial<TargetReport>) }] }), {
      code: 'InvalidReport',
      message,
    });
});

test('whatever comes instead of a report is read or refused', () => {
  fc.assert(
    fc.property(broken(reports.map(encodeReport)), (value) => readOrRefuse(() => decodeReport(value), 'InvalidReport')),
    { numRuns: 500 },
  );
});
