import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suspectJoins } from '../../alerts/series-joins.ts';

const of = 'namespace="monitoring",netexporter="default"';

test('a suspect is joined with the agent of each of its nodes', () => {
  const nodes = (kind: 'Node' | 'Link', name: string) =>
    suspectJoins(of, { kind, name }).map((join) => /"agent_node", "(.*?)"/.exec(join)![1]);
  assert.deepEqual(nodes('Node', 'node-3'), ['node-3']);
  assert.deepEqual(nodes('Link', 'node-3>node-4'), ['node-3', 'node-4']);
  assert.deepEqual(nodes('Link', 'node-3<>node-4'), ['node-3', 'node-4']);
});

test('a DNS server is joined with the lookups at it', () => {
  const [join, ...others] = suspectJoins(of, { kind: 'DNSServer', name: '10.0.0.1:53' });
  assert.match(join!, /"server", "10\.0\.0\.1:53".* on \(namespace, netexporter, server\) \(netexporter_server:dns_/);
  assert.deepEqual(others, []);
});
