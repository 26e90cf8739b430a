import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulatedProbes } from '../../../bench/simulated-probes.ts';
import type { Assignment } from '../../../src/protocol/assignment.ts';
import { encodeSyncRequest } from '../../../src/protocol/sync.ts';
import { settingsWith } from '../agent/settings-builder.ts';

const settings = settingsWith();
const assignment: Assignment = {
  ...{ version: 1, uid: settings.resource.uid, epoch: 0, revision: 1, zone: '' },
  dnsServers: ['10.64.1.1:53', '10.64.1.2:53'],
  peers: Array.from({ length: 10 }, (_, index) => ({
    ...{ address: `10.64.0.${index}:8000`, node: `node-${index}`, zone: 'a' },
  })),
};
const random = () => 0.5;

test('every target has its turns, however the time is cut into reports', () => {
  const cuts = [0, 1234, 15_000, 15_001, 40_000, 60_000];
  const parts = cuts.slice(1).map((to, index) => simulatedProbes(settings, assignment, [cuts[index]!, to], random));
  const attempts = new Map<string, number>();
  for (const { host, server, protocol, attempts: more } of parts.flat()) {
    const key = `${host} ${server} ${protocol}`;
    attempts.set(key, (attempts.get(key) ?? 0) + more);
  }
  // 10 peers, the Service, and a name at 3 servers by 2 protocols: six turns in a minute each.
  assert.deepEqual([...attempts.values()], Array(17).fill(6));
});

test('a target without a turn is not reported', () => {
  assert.ok(simulatedProbes(settings, assignment, [0, 100], random).length < 3);
});

test('without an assignment there are the targets that settings name', () => {
  const probes = new Set(simulatedProbes(settings, undefined, [0, 60_000], random).map(({ host }) => host));
  assert.deepEqual([...probes], ['kubernetes.default.svc.cluster.local.', '10.96.0.20:8000']);
});

test('they make a request that an operator takes', () => {
  const targets = simulatedProbes(settings, assignment, [0, 15_000], Math.random);
  const body = encodeSyncRequest({
    ...{ version: 1, held: {}, report: { stream: 'a', sequence: 1, spanMs: 15_000, targets } },
  });
  assert.ok(targets.length === 17 && body.length > 800, `${targets.length} targets, ${body.length} bytes`);
});

test('lookups of a name that does not exist fail, and nothing else does', () => {
  const two = settingsWith({ dns: { hosts: ['alive.', 'dead.'] } });
  const probes = simulatedProbes(two, assignment, [0, 60_000], random, 'dead.');
  const failed = probes.filter(({ failures }) => failures.nxdomain !== undefined);
  assert.deepEqual(
    [probes.length, failed.length, new Set(failed.map(({ host }) => host))],
    [23, 6, new Set(['dead.'])],
  );
  assert.ok(
    failed.every(({ attempts, failures, latencies }) => failures.nxdomain === attempts && latencies.length === 0),
  );
  encodeSyncRequest({ version: 1, held: {}, report: { stream: 'a', sequence: 1, spanMs: 60_000, targets: probes } });
});
