import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSeconds, latencyTable } from '../../demo/latency-table.ts';
import type { Agent } from '../../e2e/agents.ts';

const agent: Agent = {
  pod: 'demo-agent-1',
  uid: '1',
  node: 'node-1',
  ip: '10.0.0.1',
  port: 8000,
  ready: true,
  restarts: 0,
};
const network = { enabled: true, peersPerAgent: 10, protocols: ['TCP'], service: true };
const dns = { enabled: true, hosts: [] };

function table(
  values: { dns?: number; network?: number; errors?: number },
  spec = { dns, network },
  allowFailures?: 'all',
) {
  const query = async (expression: string) => {
    const latency = expression.includes('network') ? values.network : values.dns;
    const value = expression.includes('_error_total') ? (values.errors ?? latency) : latency;
    return value === undefined ? [] : [{ labels: { pod: agent.pod }, value }];
  };
  return latencyTable(
    { query },
    { namespace: 'n', name: 'd', agents: [agent], spec, ...(allowFailures && { allowFailures }) },
  );
}

test('a table is complete when there is a value for everything that is probed', async () => {
  assert.equal((await table({ dns: 0.001, network: 0.002 })).complete, true);
  assert.equal((await table({ dns: 0.001 })).complete, false);
  assert.equal((await table({ dns: Number.NaN, network: 0.002 })).complete, false);
});

test('a single agent without the Service has nothing to dial: its cells are empty, and the table is complete', async () => {
  const { lines, complete } = await table({ dns: 0.001 }, { dns, network: { ...network, service: false } });
  assert.equal(complete, true);
  assert.match(lines[1]!, /^demo-agent-1 +node-1 +1 ms +1 ms +0.001 +- +- +-/);
});

test('where failures are allowed, errors may stand in place of latencies, and nothing else', async () => {
  assert.equal((await table({ network: 0.002, errors: 3 }, { dns, network }, 'all')).complete, true);
  assert.equal((await table({ network: 0.002, errors: 3 })).complete, false);
  assert.equal((await table({ network: 0.002, errors: 0 }, { dns, network }, 'all')).complete, false);
});

test('seconds have two digits and a unit', () => {
  assert.deepEqual([0.0000123, 0.0456, 1.26].map(formatSeconds), ['12 µs', '46 ms', '1.3 s']);
});
