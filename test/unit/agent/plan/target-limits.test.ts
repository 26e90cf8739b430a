import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withinLimits } from '../../../../src/agent/plan/target-limits.ts';
import { planTargets, type Target } from '../../../../src/agent/plan/targets.ts';
import { probeLimits } from '../../../../src/base/probe-limits.ts';
import type { Assignment } from '../../../../src/protocol/assignment.ts';
import { settingsWith } from '../settings-builder.ts';

const resolver = {
  ...{ nameservers: ['10.96.0.10'], nameserverPort: 53, search: [], ndots: 5, clusterDomain: 'example.org' },
};
const identity = { nodeName: 'node-a', podIps: ['10.1.0.1'] };
const names = (count: number) => Array.from({ length: count }, (_, index) => `host-${index}.`);
const addresses = (count: number) => Array.from({ length: count }, (_, index) => `10.9.0.${index + 1}:53`);

function assigned(peers: number): Assignment {
  return {
    ...{ version: 1, uid: 'u', epoch: 1, revision: 1, zone: '', dnsServers: [] },
    peers: Array.from({ length: peers }, (_, index) => ({
      address: `10.0.0.${index + 1}:8000`,
      node: `n${index}`,
      zone: '',
    })),
  };
}

type Changes = Parameters<typeof settingsWith>[0];

function planned(changes: Changes, peers = 0): Target[] {
  return planTargets(settingsWith(changes), resolver, assigned(peers), identity);
}

const none = { lookups: 0, lookup_rate: 0, packet_rate: 0 };
const rateOf = (targets: Target[], probe: Target['probe']) =>
  targets.filter((target) => target.probe === probe).reduce((sum, { intervalMs }) => sum + 1000 / intervalMs, 0);

test('the largest spec that the schema once accepted, 4,352 lookups, is cut to 1,000, the same ones each time', () => {
  const largest: Changes = {
    dns: { hosts: names(64), servers: addresses(16), recordTypes: ['A', 'AAAA'], intervalMs: 60_000, timeoutMs: 5000 },
  };
  const all = planned(largest, 2);
  const { targets, leftOut } = withinLimits(all);
  const lookups = targets.filter(({ probe }) => probe === 'dns');
  assert.equal(lookups.length, probeLimits.maxLookups);
  assert.deepEqual(leftOut, { ...none, lookups: 64 * 17 * 2 * 2 - probeLimits.maxLookups });
  assert.deepEqual(
    lookups,
    all.filter(({ probe }) => probe === 'dns').slice(0, probeLimits.maxLookups),
    'those of the pod’s own nameserver first',
  );
  assert.deepEqual(withinLimits(planned(largest, 2)), { targets, leftOut });
  assert.equal(targets.length - lookups.length, all.filter(({ probe }) => probe === 'network').length);
});

test('no more than 100 lookups per second, whatever their interval', () => {
  for (const intervalMs of [1000, 3000, 10_000]) {
    const all = planned({
      dns: { hosts: names(60), servers: addresses(4), recordTypes: ['A', 'AAAA'], intervalMs, timeoutMs: 500 },
      network: { enabled: false },
    });
    const { targets, leftOut } = withinLimits(all);
    const allowed = Math.min(probeLimits.maxLookups, (probeLimits.maxLookupsPerSecond * intervalMs) / 1000);
    assert.equal(targets.length, allowed, `${intervalMs} ms`);
    assert.equal(leftOut.lookups + leftOut.lookup_rate, all.length - allowed);
    assert.ok(rateOf(targets, 'dns') <= probeLimits.maxLookupsPerSecond + 1e-6);
  }
});

test('no more than 1,000 packets per second: lookups, time servers and dials are kept, echoes are left out', () => {
  const changes: Changes = {
    dns: { hosts: names(50), protocols: ['UDP'], intervalMs: 1000, timeoutMs: 500 },
    network: {
      ...{ enabled: true, peersPerAgent: 100, protocols: ['UDP', 'TCP'], udp: { packets: 10, size: 64 } },
      ...{ intervalMs: 1000, timeoutMs: 500, services: ['10.96.0.9:8000'] },
    },
    ntp: { enabled: true, servers: ['time.example:123'], intervalMs: 10_000, timeoutMs: 500 },
  };
  const { targets, leftOut } = withinLimits(planned(changes, 100));
  const echoes = targets.filter(({ labels }) => 'peer_node' in labels && labels.protocol === 'UDP');
  // 50 lookups, 0.1 NTP requests and 101 dials per second.
  assert.equal(echoes.length, Math.floor((1000 - 50 - 0.1 - 101) / 10));
  assert.deepEqual(leftOut, { ...none, packet_rate: 100 - echoes.length });
  assert.equal(targets.length, 50 + 1 + 101 + echoes.length);
});

test('exactly at the limits nothing is left out, and the order of targets stays', () => {
  const changes: Changes = {
    dns: { hosts: names(50), servers: addresses(4), recordTypes: ['A', 'AAAA'], intervalMs: 10_000, timeoutMs: 5000 },
    network: {
      ...{ enabled: true, peersPerAgent: 90, protocols: ['UDP'], udp: { packets: 10, size: 64 }, services: [] },
      ...{ intervalMs: 1000, timeoutMs: 500 },
    },
  };
  const all = planned(changes, 90);
  assert.equal(all.length, 1000 + 90);
  assert.deepEqual(withinLimits(all), { targets: all, leftOut: none });
});
