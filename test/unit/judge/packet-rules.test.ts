import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cutLinkRules,
  cutOffRules,
  cutZonePairRules,
  deafRules,
  dropQueriesRules,
  dropServicesRules,
  forwardTable,
  lossRules,
  muteRules,
  packetRules,
  redirectTable,
} from '../../judge/packet-rules.ts';
import { serviceElements } from '../../judge/path-faults.ts';

const node = (number: number) => ({ addresses: [`172.31.99.${number}`], podCidrs: [`10.200.${number}.0/24`] });
const dual = (number: number) => ({
  addresses: [`172.31.99.${number}`, `fd00::${number}`],
  podCidrs: [`10.200.${number}.0/24`, `fd00:${number}::/64`],
});

test('there is a rule for each address family that both ends have', () => {
  assert.deepEqual(packetRules(['10.0.0.1', 'fd00::1'], ['10.0.0.2', '10.0.0.3'], 'drop'), [
    'ip saddr { 10.0.0.1 } ip daddr { 10.0.0.2, 10.0.0.3 } drop',
  ]);
  assert.deepEqual(cutLinkRules(dual(1), dual(2)), [
    'ip saddr { 10.200.1.0/24 } ip daddr { 10.200.2.0/24 } drop',
    'ip6 saddr { fd00:1::/64 } ip6 daddr { fd00:2::/64 } drop',
  ]);
});

test('a deaf node loses connections that others open, a mute one those that it opens but for some', () => {
  const others = '{ 10.200.2.0/24, 172.31.99.2, 10.200.3.0/24, 172.31.99.3 }';
  assert.deepEqual(deafRules(node(1), [node(2), node(3)]), [
    `ip saddr ${others} ip daddr { 10.200.1.0/24 } ct direction original drop`,
  ]);
  assert.deepEqual(muteRules(node(1), [node(2), node(3)], ['10.200.3.7']), [
    'ip saddr { 10.200.1.0/24 } ip daddr { 10.200.3.7 } accept',
    `ip saddr { 10.200.1.0/24 } ip daddr ${others} ct direction original drop`,
  ]);
});

test('what is cut off loses everything of both ways, what is lossy a share of it', () => {
  const rules = (rest: string) => [
    `ip saddr { 10.200.1.0/24 } ip daddr { 10.200.2.0/24, 172.31.99.2 } ${rest}`,
    `ip saddr { 10.200.2.0/24, 172.31.99.2 } ip daddr { 10.200.1.0/24 } ${rest}`,
  ];
  assert.deepEqual(cutOffRules(node(1), [node(2)]), rules('drop'));
  assert.deepEqual(lossRules(node(1), [node(2)], 30), rules('numgen random mod 100 < 30 drop'));
});

test('a pair of zones is cut or lossy both ways', () => {
  const [a, b] = ['{ 10.200.1.0/24, 10.200.4.0/24 }', '{ 10.200.2.0/24 }'];
  for (const [percent, rest] of [
    [100, 'drop'],
    [30, 'numgen random mod 100 < 30 drop'],
  ] as const)
    assert.deepEqual(cutZonePairRules([node(1), node(4)], [node(2)], percent), [
      `ip saddr ${a} ip daddr ${b} ${rest}`,
      `ip saddr ${b} ip daddr ${a} ${rest}`,
    ]);
});

test('rules about DNS are about port 53 of either protocol', () => {
  assert.deepEqual(dropQueriesRules(['10.200.1.2', 'fd00:1::2']), [
    'ip daddr 10.200.1.2 meta l4proto { tcp, udp } th dport 53 drop',
    'ip6 daddr fd00:1::2 meta l4proto { tcp, udp } th dport 53 drop',
  ]);
  assert.match(redirectTable('t', 5353), /^add table inet t\n.*hook prerouting.*\n.*th dport 53 redirect to :5353\n$/s);
});

test('what is still for a ClusterIP is dropped in each family', () => {
  assert.deepEqual(dropServicesRules(['10.96.0.0/16', 'fd6e::/112']), [
    'ip daddr 10.96.0.0/16 drop',
    'ip6 daddr fd6e::/112 drop',
  ]);
});

test('a table holds all rules, in their order', () => {
  assert.equal(
    forwardTable('t', ['first', 'second']),
    'add table inet t\nadd chain inet t forward { type filter hook forward priority -200; }\n' +
      'add rule inet t forward first\nadd rule inet t forward second\n',
  );
});

test('a Service is taken out of the map of each of its families', () => {
  assert.deepEqual(serviceElements(['10.96.3.4', 'fd6e::3'], 8000), [
    'delete element ip kube-proxy service-ips { 10.96.3.4 . tcp . 8000 }\n',
    'delete element ip6 kube-proxy service-ips { fd6e::3 . tcp . 8000 }\n',
  ]);
});
