import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatHostPort } from '../../../src/base/host-port.ts';
import { failureReasons } from '../../../src/contract/failure-reason.ts';
import type { Assignment } from '../../../src/protocol/assignment.ts';
import { ProtocolError } from '../../../src/protocol/document.ts';
import { maxSketchIndex, type SketchEntry } from '../../../src/protocol/latency-sketch.ts';
import type { Report, TargetReport } from '../../../src/protocol/report.ts';
import type { Settings } from '../../../src/protocol/settings.ts';
import type { SyncAnswer, SyncRequest } from '../../../src/protocol/sync.ts';

/** Objects as a reader makes them: with a prototype, which `fc.record` leaves out at times. */
export const plain = <T>(documents: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  documents.map((document) => structuredClone(document));

const words = (maxLength: number, minLength = 1) => fc.string({ minLength, maxLength });
const versions = (min: number) => fc.integer({ min, max: Number.MAX_SAFE_INTEGER });
const counts = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 1_000_000_000 }));

export const addresses: fc.Arbitrary<string> = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => formatHostPort(host, port));

export const sketchEntries: fc.Arbitrary<SketchEntry[]> = fc
  .uniqueArray(fc.integer({ min: 0, max: maxSketchIndex }), { maxLength: 20 })
  .chain((indices) => fc.tuple(fc.constant(indices.sort((a, b) => a - b)), fc.array(counts, { minLength: 20 })))
  .map(([indices, numbers]) => indices.map((index, at): SketchEntry => [index, numbers[at]!]));

export const targetReports: fc.Arbitrary<TargetReport> = fc
  .record(
    {
      probe: fc.constantFrom('dns', 'network', 'ntp'),
      host: words(260),
      server: fc.oneof(fc.constant(''), addresses),
      protocol: fc.constantFrom('UDP', 'TCP'),
      type: fc.constantFrom('', 'A', 'AAAA'),
      node: words(253, 0),
      zone: words(63, 0),
      failures: fc.uniqueArray(fc.tuple(fc.constantFrom(...failureReasons), counts), {
        selector: ([reason]) => reason,
      }),
      retransmits: fc.nat(1_000_000_000),
      latencies: sketchEntries,
      losses: fc.record({ forward: fc.nat(9), return: fc.nat(9), unknown: fc.nat(9) }),
    },
    {
      requiredKeys: [
        'probe',
        'host',
        'server',
        'protocol',
        'type',
        'node',
        'zone',
        'failures',
        'retransmits',
        'latencies',
      ],
    },
  )
  .map(({ failures, ...target }) => {
    const attempts = [...target.latencies, ...failures].reduce((sum, [, count]) => sum + count, 0);
    return { ...target, attempts, failures: Object.fromEntries(failures) };
  });

export const reports: fc.Arbitrary<Report> = plain(
  fc.record({
    stream: words(64),
    sequence: versions(1),
    spanMs: versions(0),
    targets: fc.array(targetReports, { maxLength: 20 }),
  }),
);

export const assignments: fc.Arbitrary<Assignment> = plain(
  fc.record({
    version: fc.constant(1 as const),
    uid: words(64),
    epoch: versions(0),
    revision: versions(1),
    zone: words(63, 0),
    peers: fc.array(fc.record({ address: addresses, node: words(253), zone: words(63, 0) }), { maxLength: 110 }),
    dnsServers: fc.array(addresses, { maxLength: 16 }),
  }),
);

const probeTimes = fc
  .integer({ min: 100, max: 86_400_000 })
  .chain((intervalMs) =>
    fc.record({ intervalMs: fc.constant(intervalMs), timeoutMs: fc.integer({ min: 1, max: intervalMs }) }),
  );
const transports = fc.uniqueArray(fc.constantFrom('UDP' as const, 'TCP' as const));

export const settings: fc.Arbitrary<Settings> = plain(
  fc
    .record({
      resource: fc.record({ namespace: words(63), name: words(253), uid: words(64), generation: versions(1) }),
      dns: fc.record({
        enabled: fc.boolean(),
        hosts: fc.array(words(254), { maxLength: 64 }),
        protocols: transports,
        recordTypes: fc.uniqueArray(fc.constantFrom('A' as const, 'AAAA' as const)),
        servers: fc.array(addresses, { maxLength: 16 }),
      }),
      network: fc.record({
        enabled: fc.boolean(),
        peersPerAgent: fc.integer({ min: 0, max: 100 }),
        peerService: words(253),
        peerPort: fc.integer({ min: 1, max: 65_535 }),
        protocols: transports,
        udp: fc.record({ packets: fc.integer({ min: 1, max: 10 }), size: fc.integer({ min: 32, max: 1472 }) }),
        services: fc.array(addresses, { maxLength: 2 }),
      }),
      ntp: fc.record({ enabled: fc.boolean(), servers: fc.array(addresses, { maxLength: 8 }) }),
      times: fc.tuple(probeTimes, probeTimes, probeTimes),
    })
    .map(({ resource, dns, network, ntp, times: [dnsTimes, networkTimes, ntpTimes] }) => ({
      version: 1,
      resource,
      dns: { ...dns, ...dnsTimes },
      network: { ...network, ...networkTimes },
      ntp: { ...ntp, ...ntpTimes },
    })),
);

export const syncRequests: fc.Arbitrary<SyncRequest> = plain(
  fc.record(
    {
      version: fc.constant(1 as const),
      held: fc.record(
        {
          settings: fc.record({ uid: words(64), generation: versions(1), digest: words(64) }),
          assignment: fc.record({ uid: words(64), epoch: versions(0), revision: versions(1) }),
        },
        { requiredKeys: [] },
      ),
      report: reports,
      leaving: fc.boolean(),
    },
    { requiredKeys: ['version', 'held'] },
  ),
);

export const syncAnswers: fc.Arbitrary<SyncAnswer> = plain(
  fc.record(
    {
      version: fc.constant(1 as const),
      acknowledged: fc.record({ stream: words(64), sequence: versions(1) }),
      settings,
      settingsDigest: words(64),
      assignment: assignments,
    },
    { requiredKeys: ['version'] },
  ),
);

/**
 * What a reader may get instead of a document: another JSON value, or one of these documents with some part at some
 * depth replaced or removed.
 */
export function broken(documents: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const mutated = fc
    .tuple(documents, fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), fc.option(fc.jsonValue()))
    .map(([document, path, value]) => replaced(JSON.parse(JSON.stringify(document)), path, value));
  return fc.oneof({ weight: 1, arbitrary: fc.jsonValue() }, { weight: 4, arbitrary: mutated });
}

/** @param path which child to go to at each depth, counted around */
function replaced(parent: unknown, [step, ...path]: number[], value: unknown): unknown {
  if (typeof parent !== 'object' || parent === null || step === undefined) return value;
  const keys = Object.keys(parent);
  if (keys.length === 0) return value;
  const key = keys[step % keys.length]!;
  const children = parent as Record<string, unknown>;
  if (value === null && path.length === 0) delete children[key];
  else children[key] = replaced(children[key], path, value);
  return parent;
}

/**
 * Reads a document that may be refused. @throws what is not a ProtocolError that says something, or is of another code
 */
export function readOrRefuse(read: () => unknown, code: ProtocolError['code']): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${error}`);
    assert.equal(error.code, code);
    assert.ok(error.message.length > 10 && error.message.length < 500, error.message);
  }
}
